"""On a funnel whose truth is known: what maturity modes and sampling do to it."""

import numpy as np
import pytest
import torch
from known_truth import fit_linear, horizon_auc, make_world, score

from leadrank.preference import censoring_weights
from leadrank.scoring.calibration import fit_calibration
from leadrank.training.sampler import SamplerSettings, StageSampler

SEEDS = range(3)
TRAINS_ON = {
    "labels": {"pointwise": 1.0, "preference": 0.0},
    "pairs": {"pointwise": 0.0, "preference": 1.0},
}


def outcome_weights(world, maturity):
    """Which rows count how much; the data module's `follow_up` on a table without weights."""
    if maturity == "open_is_lost":
        return torch.ones_like(world.day)
    if maturity == "mature":
        return (world.followed >= 30).double()
    return censoring_weights(world.recorded, world.day, world.followed, horizon_days=30)


def bias(maturity, trains_on):
    """Mean over worlds: AUC at the horizon of a model, less that of the true chances."""
    test = make_world(20_000, 99)
    best = horizon_auc(test, test.chance.logit())
    gaps = []
    for seed in SEEDS:
        world = make_world(2_500, seed)
        solution = fit_linear(
            world.x, world.recorded, outcome_weights(world, maturity), **TRAINS_ON[trains_on]
        )
        gaps.append(horizon_auc(test, score(test.x, solution)) - best)
    return float(np.mean(gaps))


@pytest.mark.parametrize("trains_on", TRAINS_ON)
def test_mature_and_ipcw_remove_the_bias_that_open_is_lost_has(trains_on):
    """Slow leads are mostly still open at the extract: taken for lost, they look like bad ones.

    Against the AUC of the true chances: within .003, and .021 below.
    """
    assert bias("mature", trains_on) == pytest.approx(0, abs=0.003)
    assert bias("ipcw", trains_on) == pytest.approx(0, abs=0.003)
    assert bias("open_is_lost", trains_on) == pytest.approx(-0.021, abs=0.005)


def drawn(world, label):
    """An epoch of the sampler: positions of its rows, and each row's rate."""
    settings = SamplerSettings(batch_size=16, orders_per_batch=8, negatives_per_order=2.0)
    ones = np.ones(len(label), np.int64)
    sampler = StageSampler(ones, label.numpy(), label.numpy().astype(int), settings=settings)
    rows = torch.from_numpy(np.concatenate(sampler.batches()))
    return rows, torch.from_numpy(sampler.plan.rate)[rows]


def rare_world(rows, seed):
    """Orders are rare: 1 in 20 of the leads that order in `make_world` still does."""
    world = make_world(rows, seed)
    g = torch.Generator().manual_seed(1000 + seed)
    kept = torch.rand(rows, generator=g, dtype=torch.float64) < 0.05
    label = (torch.isfinite(world.day) & kept).double()
    return world, label, 0.05 * world.chance


def test_inverse_rates_recover_the_chances_under_stage_aware_sampling():
    """Orders are drawn several times, others once in many: 1 order to 2 others, not 1 to 65."""
    world, label, chance = rare_world(60_000, 0)
    rows, rate = drawn(world, label)
    assert label[rows].mean() > 0.3
    ones = torch.ones_like(rate)
    with_rates = torch.sigmoid(
        score(world.x, fit_linear(world.x[rows], label[rows], ones, rate=rate))
    )
    without = torch.sigmoid(score(world.x, fit_linear(world.x[rows], label[rows], ones)))
    assert with_rates.mean() == pytest.approx(chance.mean().item(), rel=0.05)
    assert (with_rates - chance).abs().mean() < 0.15 * chance.mean()
    assert without.mean() > 15 * chance.mean()


def test_the_calibrator_recovers_the_chances_of_a_score_that_only_pairs_made():
    """Pairs say nothing of a score's level; a part that was not sampled gives it back."""
    world, label, _ = rare_world(60_000, 1)
    rows, rate = drawn(world, label)
    made = fit_linear(
        world.x[rows], label[rows], torch.ones_like(rate), rate=rate, **TRAINS_ON["pairs"]
    )
    other, seen, truth = rare_world(60_000, 2)
    scores = score(other.x, made)
    found = torch.from_numpy(fit_calibration(scores, seen).probability(scores))
    assert torch.sigmoid(scores).mean() > 20 * truth.mean()
    assert found.mean() == pytest.approx(truth.mean().item(), rel=0.08)
    assert (found - truth).abs().mean() < 0.2 * truth.mean()
