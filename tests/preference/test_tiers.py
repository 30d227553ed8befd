import pytest
import torch

from leadrank.errors import UserError
from leadrank.funnel import Funnel
from leadrank.preference import (
    Tier,
    TierSpec,
    resolve_tiers,
    tiers_of,
    with_margins,
    with_thresholds,
)
from leadrank.preference.settings import PreferenceSettings
from leadrank.preference.tiers import with_weights

FUNNEL = Funnel(("contact", "visit", "won"), True, 30, ("minutes", "clicks"), True, True)


def test_paper_scheme_with_a_lost_rule_and_a_soft_signal():
    assert tiers_of("paper", num_stages=4, has_lost=True, has_signal=True) == (
        Tier("global", (3,), (0, 1, 2), loser_lost=True, margin=1.0),
        Tier("key", (2, 3), (0, 1), margin=0.5),
        Tier("soft", (0, 1, 2, 3), margin=0.1, signal=0),
    )


def test_paper_scheme_without_a_lost_rule_takes_every_other_stage():
    assert tiers_of("paper", num_stages=3) == (
        Tier("global", (2,), (0, 1), margin=1.0),
        Tier("key", (1, 2), (0,), margin=0.5),
    )


def test_paper_scheme_on_two_stages_has_no_key_tier():
    assert tiers_of("paper", num_stages=2) == (Tier("global", (1,), (0,), margin=1.0),)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("adjacent", (Tier("2>1", (2,), (1,)), Tier("1>0", (1,), (0,)))),
        (
            "all_gaps",
            (Tier("2>1", (2,), (1,)), Tier("2>0", (2,), (0,)), Tier("1>0", (1,), (0,))),
        ),
        ("at_least", (Tier(">=2", (2,), (0, 1)), Tier(">=1", (1, 2), (0,)))),
        ("orders", (Tier("orders", (2,), (0, 1), loser_unknown=True),)),
        (
            "released_code",
            (
                Tier("global", (2,), (0,), margin=1.0),
                Tier("key", (1,), (0,), margin=0.5),
                Tier("soft", (2,), (1,), margin=0.1),
            ),
        ),
    ],
)
def test_scheme_on_three_stages(scheme, expected):
    assert tiers_of(scheme, num_stages=3, has_lost=True, has_signal=True) == expected


def test_released_code_on_its_own_four_stages():
    """3 over 0; 2 over 1 only; label 1 over label 0 where the stage is 1 or more."""
    sides = [(tier.winner, tier.loser) for tier in tiers_of("released_code", num_stages=4)]
    assert sides == [((3,), (0,)), ((2,), (1,)), ((3,), (1, 2))]


@pytest.mark.parametrize("name", ["", "loss", "pointwise", "yes_no", "key_pairs", "key_gate"])
def test_a_tier_has_no_name_that_a_run_logs_otherwise(name):
    with pytest.raises(UserError, match="a run logs something else under this name"):
        Tier(name, (2,), (1,))


def test_scheme_errors_come_all_at_once():
    with pytest.raises(UserError) as error:
        tiers_of("deepest", num_stages=1)
    assert "'deepest'" in str(error.value)
    assert "adjacent" in str(error.value)
    assert "the funnel has 1" in str(error.value)


def test_tier_names_every_problem():
    with pytest.raises(UserError) as error:
        Tier("mine", (2, 1), (1,), margin=-1.0, weight=float("nan"), threshold=3.0)
    text = str(error.value)
    assert "stage [1] is both winner and loser" in text
    assert "margin is -1.0" in text
    assert "weight is nan" in text
    assert "a threshold needs a signal" in text


@pytest.mark.parametrize("stages", [((), (0,)), ((1,), ()), ((1,), (-1,))])
def test_tier_refuses_stages_that_cannot_be(stages):
    with pytest.raises(UserError, match="stage"):
        Tier("mine", *stages)


@pytest.mark.parametrize(
    "wrong", [{"loser": (0,)}, {"loser_lost": True}, {"loser_unknown": True}]
)
def test_a_soft_tier_has_no_losers_of_its_own(wrong):
    with pytest.raises(UserError, match="a soft tier compares rows of one stage"):
        Tier("soft", (1,), **{"signal": 0, **wrong})


def test_rows_of_unknown_stage_have_no_gap():
    with pytest.raises(UserError, match="no gap"):
        Tier("orders", (1,), (0,), loser_unknown=True, margin_per_gap=0.5)


def test_named_stages_and_signals_become_indices():
    specs = [
        TierSpec(
            "deal", ["won"], ["contact", "visit"], loser_lost=True, margin=0.3, weight=2,
            margin_per_gap=0.1,
        ),
        TierSpec("talk", signal="clicks", threshold=2.0),
        TierSpec("visits", ["visit"], signal="minutes"),
        TierSpec("orders", ["won"], ["contact"], loser_unknown=True),
    ]  # fmt: skip
    assert resolve_tiers(specs, FUNNEL.stages, FUNNEL.soft_signals) == (
        Tier("deal", (2,), (0, 1), True, 0.3, 2, 0.1),
        Tier("talk", (0, 1, 2), signal=1, threshold=2.0),
        Tier("visits", (1,), signal=0),
        Tier("orders", (2,), (0,), loser_unknown=True),
    )


def test_unknown_names_are_told_with_the_valid_ones():
    specs = [
        TierSpec("a", ["sold"], ["contact"]),
        TierSpec("a", ["won"], ["contact"], margin=-1),
        TierSpec("b", signal="calls"),
        TierSpec("c", ["visit"], ["contact"], loser_unknown=True),
    ]
    with pytest.raises(UserError) as error:
        resolve_tiers(specs, ["contact", "visit", "won"], ["minutes"])
    text = str(error.value)
    assert "no stage is called 'sold'; the stages are 'contact', 'visit', 'won'" in text
    assert "two tiers are called 'a'" in text
    assert "margin is -1" in text
    assert "no soft signal is called 'calls'; the soft signals are 'minutes'" in text
    assert "loser_unknown needs the final stage 'won' as its only winner" in text


TIERS = (
    Tier("global", (2,), (0, 1), margin=1.0, margin_per_gap=0.5, weight=3.0),
    Tier("soft", (0, 1), margin=0.1, signal=0),
)


@pytest.mark.parametrize(
    ("scheme", "scale", "margins"),
    [
        ("tier", 1.0, [(1.0, 0.5), (0.1, 0.0)]),
        ("tier", 2.0, [(2.0, 1.0), (0.2, 0.0)]),
        ("zero", 2.0, [(0.0, 0.0), (0.0, 0.0)]),
        ("uniform", 0.3, [(0.3, 0.0), (0.3, 0.0)]),
        ("linear", 0.3, [(0.0, 0.3), (0.0, 0.3)]),
    ],
)
def test_a_margin_scheme_changes_margins_alone(scheme, scale, margins):
    found = with_margins(TIERS, scheme, scale=scale)
    assert [(tier.margin, tier.margin_per_gap) for tier in found] == margins
    assert with_margins(found, "zero") == with_margins(TIERS, "zero")


def test_linear_margins_do_not_fit_rows_of_unknown_stage():
    with pytest.raises(UserError, match="tier 'orders': rows of unknown stage have no gap"):
        with_margins(tiers_of("orders", num_stages=3), "linear")


def test_a_threshold_is_the_median_of_the_known_signals():
    signal = torch.tensor([[9.0, 1.0], [9.0, 5.0], [9.0, 3.0], [9.0, 100.0]])
    known = torch.tensor([[True, True], [True, True], [True, True], [True, False]])
    tiers = (
        Tier("soft", (0,), signal=1),
        Tier("own", (0,), signal=1, threshold=7.0),
        Tier("hard", (1,), (0,)),
    )
    found = with_thresholds(tiers, signal, known)
    assert [tier.threshold for tier in found] == [3.0, 7.0, None]


def test_a_signal_that_no_training_row_has_is_refused_by_name():
    tier = (Tier("soft", (0,), signal=0),)
    with pytest.raises(UserError, match="tier 'soft': its soft signal has no value in any of"):
        with_thresholds(tier, torch.zeros(3, 1), torch.zeros(3, 1, dtype=torch.bool))


def test_settings_join_scheme_and_margins():
    settings = PreferenceSettings(scheme="adjacent", margins="linear", margin_scale=0.2)
    assert settings.resolve(FUNNEL) == (
        Tier("2>1", (2,), (1,), margin_per_gap=0.2),
        Tier("1>0", (1,), (0,), margin_per_gap=0.2),
    )


def test_the_soft_tier_is_left_out_with_a_word_where_there_is_no_signal():
    bare = Funnel(("contact", "visit", "won"), True, 30)
    assert PreferenceSettings().left_out(FUNNEL) is None
    assert len(PreferenceSettings().resolve(FUNNEL)) == 3
    assert "soft tier is left out" in str(PreferenceSettings().left_out(bare))
    assert len(PreferenceSettings().resolve(bare)) == 2
    assert PreferenceSettings(scheme="adjacent").left_out(bare) is None


def test_settings_that_do_not_fit_the_crm_are_told_together():
    bare = Funnel(("contact", "won"), False, 30)
    with pytest.raises(UserError) as error:
        PreferenceSettings(pair_scope="both", maturity="ipcw").resolve(bare)
    text = str(error.value)
    assert "model.preference.pair_scope: both, but the CRM file has no group columns" in text
    assert "model.preference.maturity: ipcw weighs an order by the day it came" in text
    assert "reached_at" in text


def test_settings_out_of_range_are_told_together():
    with pytest.raises(UserError) as error:
        PreferenceSettings(
            margin_scale=-1, group_weight=float("nan"), max_losers_per_winner=0,
            censoring_clip=0,
        )  # fmt: skip
    names = ("margin_scale", "group_weight", "max_losers_per_winner", "censoring_clip")
    assert all(f"model.preference.{name}:" in str(error.value) for name in names)


def test_weights_go_to_the_tiers_named_and_the_others_keep_theirs():
    tiers = (Tier("a", (1,), (0,)), Tier("b", (2,), (1,), weight=3.0))
    assert [tier.weight for tier in with_weights(tiers, {"a": 0.5})] == [0.5, 3.0]


def test_a_weight_for_a_tier_that_is_not_there_is_refused_by_name():
    with pytest.raises(UserError, match="no tier is called 'c'; the tiers are 'a'"):
        with_weights((Tier("a", (1,), (0,)),), {"c": 1.0})


def test_a_negative_weight_is_refused():
    with pytest.raises(UserError, match="weight is -1"):
        with_weights((Tier("a", (1,), (0,)),), {"a": -1.0})
