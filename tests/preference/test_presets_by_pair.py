"""The joint loss of each preset equals a float64 reference that goes pair by pair.

Both start from the same up-cast scores: what bfloat16 already lost is not the loss's error.
The Yes/No answer has its reference in tests/model/test_heads_in_training, the gate on tiers its
own in tests/model/test_tier_gate.
"""

import math
from pathlib import Path

import pytest
import torch
import yaml
from slow_preference import (
    COLUMNS,
    OPTIONAL,
    random_batch,
    slow_pairs,
    slow_pointwise,
    slow_preference,
)

from leadrank.funnel import Funnel
from leadrank.model.ranker import LossSettings
from leadrank.preference import (
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
    preference_pairs,
    with_thresholds,
)
from leadrank.preference.settings import PreferenceSettings

FUNNEL = Funnel(("call", "visit", "drive", "lock"), True, 30, ("clicks", "minutes"), True, True)
EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def preset(name, **preference):
    """The settings of pairs and losses as the experiment file has them, over the base's."""
    layers = [yaml.safe_load((EXPERIMENTS / f"{n}.yaml").read_text()) for n in ("base", name)]
    models = [layer["model"] for layer in layers]
    found = {part: {k: v for m in models for k, v in m.get(part, {}).items()}
             for part in ("preference", "loss")}  # fmt: skip
    return PreferenceSettings(**found["preference"] | preference), LossSettings(**found["loss"])


PRESETS = {
    **{name: preset(name) for name in ("hpro_paper", "hpro_released_code", "asllr", "hpro")},
    "hpro_released_code, with stages": preset("hpro_released_code", scheme="released_code"),
    "hpro, per winner": preset("hpro", per_winner=True),
}
DTYPES = (torch.float32, torch.bfloat16, torch.float64)


def batch_of(seed):
    """Every third batch has one side only, every fifth scores of +-1e4."""
    rows = random_batch(seed)
    g = torch.Generator().manual_seed(seed)
    if seed % 3 == 0:
        rows["stage"] = torch.full_like(rows["stage"], seed % 4)
    if seed % 5 == 0:
        rows["score"] = rows["score"].sign() * 1e4
    rows["label"] = (rows["stage"] == 3).double() * rows["stage_known"]
    rows["row_weight"] = torch.ones(len(rows["stage"]))
    rows["weight"], rows["rate"] = torch.rand(2, len(rows["stage"]), generator=g) + 0.1
    rows["score"] = rows["score"].to(DTYPES[seed % len(DTYPES)])
    return rows


def fast(score, rows, tiers, preference, loss):
    pairs = preference_pairs(
        *(rows[key] for key in COLUMNS),
        tiers=tiers,
        **{key: rows[key] for key in OPTIONAL},
        per_winner=preference.per_winner,
    )
    rate = rows["rate"] if loss.inverse_rate else torch.ones_like(rows["rate"])
    return joint_loss(
        pointwise_loss(score, rows["label"], rows["weight"], rate),
        hierarchical_preference_loss(score, pairs, tiers=tiers, loss=loss.pair_loss),
        tiers=tiers,
        pointwise_weight=loss.pointwise,
        preference_weight=loss.preference,
        over=loss.over,
        reduction=loss.reduction,
    )


def slow(score, rows, tiers, preference, loss):
    rate = rows["rate"].double() if loss.inverse_rate else 1.0
    share = rows["weight"].double() / rate
    labels, count, grad = slow_pointwise(score, rows["label"], share)
    scale = loss.pointwise / (1.0 if loss.reduction == "released" or not count else count)
    pairs = slow_pairs(rows, tiers, per_winner=preference.per_winner)
    deep, slopes = slow_preference(score, pairs, tiers, loss=loss.pair_loss, over=loss.over)
    both = [scale * a + loss.preference * b for a, b in zip(grad, slopes, strict=True)]
    return scale * labels + loss.preference * deep, both


@pytest.mark.parametrize("name", PRESETS)
def test_a_thousand_batches(name):
    preference, loss = PRESETS[name]
    resolved = preference.resolve(FUNNEL)
    for seed in range(1000):
        rows = batch_of(seed)
        signals = torch.tensor([[0.0, 0.25]]), torch.tensor([[True, True]])
        tiers = with_thresholds(resolved, *signals)
        score = rows["score"].to(torch.promote_types(rows["score"].dtype, torch.float32))
        score.requires_grad_()
        found = fast(score, rows, tiers, preference, loss)
        found.backward()
        expected, grad = slow(score.detach().double(), rows, tiers, preference, loss)
        assert math.isfinite(expected)
        assert found.item() == pytest.approx(expected, rel=1e-6), seed
        largest = max(map(abs, grad), default=0.0)
        assert score.grad.tolist() == pytest.approx(grad, rel=1e-6, abs=1e-6 * largest), seed


@pytest.mark.parametrize("name", PRESETS)
def test_bfloat16_scores_give_the_loss_of_their_up_cast(name):
    preference, loss = PRESETS[name]
    tiers = with_thresholds(
        preference.resolve(FUNNEL), torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool)
    )
    rows = {**random_batch(7, rows=30), **{"row_weight": torch.ones(30)}}
    rows |= {"label": (rows["stage"] == 3).double(), "weight": torch.ones(30)}
    rows["rate"] = torch.ones(30)
    low = rows["score"].bfloat16().requires_grad_()
    high = low.detach().float().requires_grad_()
    losses = [fast(score, rows, tiers, preference, loss) for score in (low, high)]
    assert losses[0].item() == losses[1].item()
    for each in losses:
        each.backward()
    torch.testing.assert_close(low.grad, high.grad.bfloat16())
