"""Losses, each reduced as (sum, count) and divided once, after all devices and steps are added.

A mean of per-device means would weigh a device with two pairs like one with two hundred, and a
sum beside a mean would change the losses' weights with the batch size (as the released code of
arXiv 2606.04387 does).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadrank.preference.pair_losses import PairLoss, pair_loss, top_weight
from leadrank.preference.pairs import Pairs
from leadrank.preference.tiers import Tier

TierMean = Literal["all", "present"]
Reduction = Literal["mean", "released"]


@dataclass(frozen=True, eq=False)
class Reduced:
    """A loss as (sum, count): add them up over steps and devices, then take the mean once.

    Under DDP, whose gradients are averaged over ranks, the exact mean over all ranks is
    `Reduced(total, count_of_all_ranks / num_ranks)`: only the count needs a reduction.

    Attributes:
        total: sum of the weighted losses [...].
        count: sum of the weights [...], without gradient.
    """

    total: Tensor
    count: Tensor

    def __add__(self, other: "Reduced") -> "Reduced":
        return Reduced(self.total + other.total, self.count + other.count)

    def mean(self) -> Tensor:
        """Return total / count [...]; 0, still part of the graph, where the count is 0."""
        return self.total / torch.where(self.count > 0, self.count, 1)


def hierarchical_preference_loss(
    score: Float[Tensor, " n"],
    pairs: Pairs,
    *,
    tiers: Sequence[Tier],
    loss: PairLoss = "bradley_terry",
    smoothing: float = 0.1,
    gain: Float[Tensor, " n"] | None = None,
) -> Reduced:
    """Sum the weighted loss of every pair, tier by tier.

    `sum_p weight_p * loss(score[winner_p] - score[loser_p], margin_p)` over the pairs of each
    tier; with Bradley-Terry the loss of arXiv 2606.04387. In fp32 or better; finite for any
    finite score. `pair_losses` has the formulas, `tier_mean` gives the scalar.

    Args:
        score: logits [n].
        pairs: from `preference_pairs`, each [p].
        tiers: what `pairs.tier` counts.
        loss: bradley_terry, hinge, smoothed_bradley_terry, or top_weighted (Bradley-Terry, each
            pair's weight times what swapping it would change of the batch's DCG).
        smoothing: share of wrong preferences that smoothed_bradley_terry reckons with.
        gain: what a row is worth in a list [n]; needed by top_weighted.

    Returns:
        weighted sum of losses and sum of weights, each [tiers]; sums are in [0, inf).

    Raises:
        ValueError: for top_weighted without gain.
    """
    score = _accurate(score)
    winner, loser, tier = pairs.winner, pairs.loser, pairs.tier
    weight = pairs.weight.to(score.dtype)
    if loss == "top_weighted":
        if gain is None:
            raise ValueError("the loss top_weighted needs gain, e.g. 2^stage - 1")
        weight = weight * top_weight(score, gain, winner, loser)
    difference = score[winner] - score[loser]
    each = pair_loss(loss, difference, pairs.margin.to(score.dtype), smoothing=smoothing)
    empty = score.new_zeros(len(tiers))
    return Reduced(empty.index_add(0, tier, weight * each), empty.index_add(0, tier, weight))


def tier_mean(
    loss: Reduced, *, tiers: Sequence[Tier], over: TierMean = "all"
) -> Float[Tensor, ""]:
    """Average each tier over its pairs by their weights, then the tiers by theirs.

    `sum_t weight_t * mean_t / sum_t weight_t`, with mean_t = 0 for a tier without pairs. By
    default the denominator runs over all tiers, so a tier's pull does not depend on which other
    tiers a batch happens to hold: with renormalised weights, a batch without one deep pair
    would hand the deep tier's share to the many shallow pairs. `over="present"` renormalises,
    as the released code does. The paper does not say which it does.

    Args:
        loss: from `hierarchical_preference_loss`, accumulated or not, each [tiers].
        tiers: their weights.
        over: whether the weights are normalised over all tiers or over those with pairs.

    Returns:
        scalar in [0, inf); 0, still part of the graph, where there are no pairs.
    """
    weight = loss.total.new_tensor([tier.weight for tier in tiers])
    share = weight if over == "all" else weight * (loss.count > 0)
    return Reduced((loss.mean() * weight).sum(), share.sum()).mean()


def pointwise_loss(
    score: Float[Tensor, " n"],
    label: Float[Tensor, " n"],
    weight: Float[Tensor, " n"],
    rate: Float[Tensor, " n"],
) -> Reduced:
    """Sum the binary cross-entropy of the logits, each row weighing weight / rate.

    `-w (y log sigmoid(s) + (1 - y) log sigmoid(-s))` with score s, label y, w = weight / rate:
    dividing by how often the sampler draws a row makes the mean estimate that of the unsampled
    table, whatever the sampler prefers. Rows that must not count come with weight 0.

    Args:
        score: logits [n].
        label: 0 or 1 [n].
        weight: rows of the population that a row stands for, 0 or more [n].
        rate: expected times the row is drawn per epoch, above 0 [n].

    Returns:
        weighted sum of losses and sum of weights, scalars.
    """
    score = _accurate(score)
    share = weight.to(score.dtype) / rate.to(score.dtype)
    label = label.to(score.dtype)
    # torch's own subtracts label * score, which costs a confident right score its digits.
    each = -label * functional.logsigmoid(score) - (1 - label) * functional.logsigmoid(-score)
    return Reduced((share * each).sum(), share.sum())


def joint_loss(
    pointwise: Reduced,
    preference: Reduced,
    *,
    tiers: Sequence[Tier],
    pointwise_weight: float = 2.0,
    preference_weight: float = 1.0,
    over: TierMean = "all",
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """Add the two losses, each a mean: `2.0 * BCE + 1.0 * HPRO` (arXiv 2606.04387).

    With `reduction="released"` the pointwise loss is a sum, as in the released code of that
    paper: at batch 32 a row's label then weighs 32 times as much against the pairs.

    Args:
        pointwise: from `pointwise_loss`.
        preference: from `hierarchical_preference_loss`, each [tiers].
        tiers: the tiers of `preference`.
        pointwise_weight: weight of the pointwise mean.
        preference_weight: weight of the preference mean.
        over: see `tier_mean`.
        reduction: of the pointwise loss; pairs are always averaged.

    Returns:
        scalar in [0, inf).
    """
    pairwise = tier_mean(preference, tiers=tiers, over=over)
    labels = pointwise.mean() if reduction == "mean" else pointwise.total
    return pointwise_weight * labels + preference_weight * pairwise


def _accurate(score: Tensor) -> Tensor:
    return score.to(torch.promote_types(score.dtype, torch.float32))
