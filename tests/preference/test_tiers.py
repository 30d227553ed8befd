import pytest

from leadrank.errors import UserError
from leadrank.preference import Tier, TierSpec, resolve_tiers, tiers_of


def test_paper_scheme_with_a_lost_rule():
    assert tiers_of("paper", num_stages=4, has_lost=True) == (
        Tier("global", (3,), (0, 1, 2), loser_lost=True, margin=1.0),
        Tier("key", (2, 3), (0, 1), margin=0.5),
    )


def test_paper_scheme_without_a_lost_rule_takes_every_other_stage():
    assert tiers_of("paper", num_stages=3, has_lost=False) == (
        Tier("global", (2,), (0, 1), margin=1.0),
        Tier("key", (1, 2), (0,), margin=0.5),
    )


def test_paper_scheme_on_two_stages_has_no_key_tier():
    assert tiers_of("paper", num_stages=2, has_lost=False) == (
        Tier("global", (1,), (0,), margin=1.0),
    )


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (
            "adjacent",
            (Tier("2>1", (2,), (1,), margin=0.2), Tier("1>0", (1,), (0,), margin=0.2)),
        ),
        (
            "all_gaps",
            (
                Tier("2>1", (2,), (1,), margin=0.2),
                Tier("2>0", (2,), (0,), margin=0.4),
                Tier("1>0", (1,), (0,), margin=0.2),
            ),
        ),
        (
            "at_least",
            (Tier(">=2", (2,), (0, 1), margin=0.2), Tier(">=1", (1, 2), (0,), margin=0.2)),
        ),
    ],
)
def test_scheme_on_three_stages(scheme, expected):
    assert tiers_of(scheme, num_stages=3, has_lost=True, margin_per_gap=0.2) == expected


def test_scheme_errors_come_all_at_once():
    with pytest.raises(UserError) as error:
        tiers_of("deepest", num_stages=1, has_lost=False)
    assert "'deepest'" in str(error.value)
    assert "adjacent" in str(error.value)
    assert "the funnel has 1" in str(error.value)


def test_paper_refuses_another_margin():
    with pytest.raises(UserError, match="margins of its own"):
        tiers_of("paper", num_stages=3, has_lost=True, margin_per_gap=0.1)


def test_tier_names_every_problem():
    with pytest.raises(UserError) as error:
        Tier("mine", (2, 1), (1,), margin=-1.0, weight=float("nan"))
    text = str(error.value)
    assert "stage [1] is both winner and loser" in text
    assert "margin is -1.0" in text
    assert "weight is nan" in text


@pytest.mark.parametrize("stages", [((), (0,)), ((1,), ()), ((1,), (-1,))])
def test_tier_refuses_stages_that_cannot_be(stages):
    with pytest.raises(UserError, match="stage"):
        Tier("mine", *stages)


def test_named_stages_become_indices():
    spec = TierSpec(
        "deal", ["won"], ["contact", "visit"], loser_lost=True, margin=0.3, weight=2
    )
    assert resolve_tiers([spec], ["contact", "visit", "won"]) == (
        Tier("deal", (2,), (0, 1), loser_lost=True, margin=0.3, weight=2),
    )


def test_unknown_stages_are_named_with_the_valid_ones():
    specs = [
        TierSpec("a", ["sold"], ["contact"]),
        TierSpec("a", ["won"], ["contact"], margin=-1),
    ]
    with pytest.raises(UserError) as error:
        resolve_tiers(specs, ["contact", "won"])
    text = str(error.value)
    assert "no stage is called 'sold'; the stages are 'contact', 'won'" in text
    assert "two tiers are called 'a'" in text
    assert "margin is -1" in text
