"""The LightningModule: its schedule, its groups of weights, its loss, its checkpoint."""

import re
import types

import numpy as np
import pytest
import torch
from tiny_leads import batch, prompts, train_a_little
from tiny_ranker import ranker_of, training_batch, with_pairs
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from leadrank.errors import UserError
from leadrank.model.ranker import LossSettings
from leadrank.model.schedule import OptimiserSettings, rate_factor
from leadrank.preference import (
    Pairs,
    hierarchical_preference_loss,
    preference_pairs,
    tier_mean,
)


@pytest.fixture
def ranker(tiny_base):
    optimiser = OptimiserSettings(head_rate=0.1, adapter_rate=0.01)
    return ranker_of(tiny_base, LossSettings(2.0, 1.0), optimiser=optimiser)


# The schedule


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 97, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 1.0])
def test_the_rate_starts_above_0_peaks_at_1_and_the_last_step_moves(steps, warmup):
    settings = OptimiserSettings(warmup=warmup)
    factors = [rate_factor(step, steps, settings) for step in range(steps)]
    assert min(factors) > 0
    assert max(factors) == 1
    peak = factors.index(1)
    assert np.all(np.diff(factors[: peak + 1]) > 0)
    assert np.all(np.diff(factors[peak:]) <= 0)
    assert [rate_factor(steps + k, steps, settings) for k in (0, 5)] == [0, 0]


def test_the_rates_of_ten_steps():
    """Two steps up: 1/2, 2/2; then (10 - step) / 8."""
    found = [rate_factor(step, 10, OptimiserSettings(warmup=0.2)) for step in range(10)]
    assert found == pytest.approx([0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


def test_the_literal_schedule_takes_no_notice_of_the_runs_length():
    """Step k of 4,000 has k / 4000 of the rate; then each keeps 0.999 of the one before."""
    literal = OptimiserSettings(schedule="literal")
    for steps in (10, 100_000):
        found = [rate_factor(step, steps, literal) for step in (0, 1999, 3999, 4000, 4692)]
        assert found == pytest.approx([1 / 4000, 0.5, 1.0, 0.999, 0.999**693])


def test_head_and_adapters_have_rates_of_their_own_and_hold_all_that_trains(ranker):
    ranker._trainer = types.SimpleNamespace(estimated_stepping_batches=10)
    (optimiser,), (schedule,) = ranker.configure_optimizers()
    assert [group["initial_lr"] for group in optimiser.param_groups] == [0.1, 0.01]
    given = [p for group in optimiser.param_groups for p in group["params"]]
    assert {id(p) for p in given} == {id(p) for p in ranker.parameters() if p.requires_grad}
    assert len(given) == len({id(p) for p in given})
    assert schedule["interval"] == "step"


# The loss


def test_the_joint_loss_of_four_leads(ranker):
    """2 x weighted mean of BCE + mean over tiers of the mean over pairs.

    Weights / rates: 1/4, 2/.5, 1/.5, 1/.5. The lead of unknown stage is in no pair. Global
    (margin 1): 0>1, 0>2; key (margin .5): 0>1, 2>1.
    """
    leads = with_pairs(ranker)
    with torch.no_grad():
        s = ranker.model(leads)
        loss = ranker.training_step(leads, 0)
        each = binary_cross_entropy_with_logits(s, leads["label"], reduction="none")
    share = torch.tensor([0.25, 4.0, 2.0, 2.0])
    pointwise = (share * each).sum() / share.sum()
    deep = (softplus(1 - s[0] + s[1]) + softplus(1 - s[0] + s[2])) / 2
    key = (softplus(0.5 - s[0] + s[1]) + softplus(0.5 - s[2] + s[1])) / 2
    torch.testing.assert_close(loss, 2 * pointwise + (deep + key) / 2)


def test_each_quirk_of_the_released_code_changes_the_loss_as_it_says(ranker):
    """Labels summed, rates left out, the mean over tiers with pairs: here the first has them.

    Its two pairs are 0>1 and 0>2; by default the empty second tier halves them.
    """
    leads = with_pairs(ranker)
    only = leads["pairs"].tier == 0
    leads["pairs"] = Pairs(*(column[only] for column in leads["pairs"]))
    with torch.no_grad():
        s = ranker.model(leads)
        each = binary_cross_entropy_with_logits(s, leads["label"], reduction="none")
    share, weight = torch.tensor([0.25, 4.0, 2.0, 2.0]), leads["weight"]
    mean = (share * each).sum() / share.sum()
    deep = (softplus(1 - s[0] + s[1]) + softplus(1 - s[0] + s[2])) / 2
    expected = {
        LossSettings(): 2 * mean + deep / 2,
        LossSettings(over="present"): 2 * mean + deep,
        LossSettings(reduction="released"): 2 * (share * each).sum() + deep / 2,
        LossSettings(inverse_rate=False): 2 * (weight * each).sum() / weight.sum() + deep / 2,
    }
    for settings, value in expected.items():
        ranker.loss_settings = settings
        torch.testing.assert_close(ranker.training_step(leads, 0), value)


@pytest.mark.parametrize(
    "settings",
    [
        LossSettings(pair_loss="hinge"),
        LossSettings(pair_loss="smoothed_bradley_terry", smoothing=0.2),
        LossSettings(pair_loss="top_weighted"),
    ],
)
def test_the_pair_loss_that_is_set_is_the_one_that_trains(ranker, settings):
    leads = with_pairs(ranker)
    with torch.no_grad():
        score = ranker.model(leads)
        plain = ranker.training_step(leads, 0)
        ranker.loss_settings = settings
        found = ranker.training_step(leads, 0)
        pairs = [
            tier_mean(
                hierarchical_preference_loss(
                    score, leads["pairs"], tiers=ranker.tiers, loss=name,
                    smoothing=settings.smoothing, gain=torch.tensor([3.0, 0.0, 1.0, 0.0]),
                ),
                tiers=ranker.tiers,
            )
            for name in ("bradley_terry", settings.pair_loss)
        ]  # fmt: skip
    torch.testing.assert_close(found - plain, pairs[1] - pairs[0])
    assert found != plain


def test_loss_settings_out_of_range_are_told_together():
    with pytest.raises(UserError) as error:
        LossSettings(pointwise=-1, preference=float("nan"), smoothing=0.5)
    for name in ("pointwise", "preference", "smoothing"):
        assert f"model.loss.{name}:" in str(error.value)


def test_every_weight_that_trains_gets_a_gradient_of_the_loss_and_no_other(ranker):
    ranker.training_step(with_pairs(ranker), 0).backward()
    for name, parameter in ranker.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


def test_a_batch_without_pairs_still_reaches_every_weight(ranker):
    """Otherwise DistributedDataParallel would wait for a gradient that never comes."""
    leads, stage, _, lost = training_batch()
    none = torch.zeros(4, dtype=torch.bool)
    pairs = preference_pairs(stage, none, lost, none, torch.arange(4), tiers=ranker.tiers)
    ranker.training_step({**leads, "pairs": pairs}, 0).backward()
    assert all(p.grad is not None for p in ranker.parameters() if p.requires_grad)


# Validation and checkpoints


@pytest.mark.parametrize("dense", [True, False])
def test_a_validation_scores_with_the_weights_as_they_are_then(ranker, dense):
    ranker.score_dense, leads = dense, batch(prompts())
    ranker.eval()
    for seed in (1, 2):
        train_a_little(ranker.model, seed=seed)
        ranker.on_validation_epoch_start()
        with torch.no_grad():
            found, expected = ranker.validation_step(leads, 0), ranker.model(leads)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        ranker.on_validation_epoch_end()


def test_the_scoring_copy_is_no_part_of_the_module(ranker):
    before = [name for name, _ in ranker.named_parameters()]
    ranker.on_validation_epoch_start()
    assert [name for name, _ in ranker.named_parameters()] == before


def test_a_checkpoint_keeps_what_training_can_change_and_no_base(ranker):
    checkpoint = {"state_dict": ranker.state_dict()}
    ranker.on_save_checkpoint(checkpoint)
    names = {name.removeprefix("model.") for name in checkpoint["state_dict"]}
    assert names == set(ranker.model.learned_state())
    assert not any("embed_tokens" in name or "base_layer" in name for name in names)


def test_a_checkpoint_that_lacks_one_trained_weight_is_refused(ranker):
    checkpoint: dict = {}
    ranker.on_save_checkpoint(checkpoint)
    name = next(n for n in checkpoint["state_dict"] if ".lora_A." in n)
    del checkpoint["state_dict"][name]
    with pytest.raises(ValueError, match=r"missing .*lora_A"):
        ranker.on_load_checkpoint(checkpoint)


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        (OptimiserSettings, {"head_rate": -1.0}, "model.optimiser.head_rate: -1"),
        (
            OptimiserSettings,
            {"weight_decay": float("nan")},
            "model.optimiser.weight_decay: nan",
        ),
        (OptimiserSettings, {"warmup": 1.5}, "model.optimiser.warmup: 1.5, expected 0 to 1"),
        (LossSettings, {"pointwise": 0.0, "preference": 0.0}, "every weight is 0"),
    ],
)
def test_settings_that_cannot_train_are_refused(settings, given, said):
    with pytest.raises(UserError, match=re.escape(said)):
        settings(**given)
