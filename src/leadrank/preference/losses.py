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

from leadrank.preference.pairs import Pairs
from leadrank.preference.tiers import Tier


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
    score: Float[Tensor, " n"], pairs: Pairs, *, tiers: Sequence[Tier]
) -> Reduced:
    """Sum the margin-aware Bradley-Terry loss of every pair, tier by tier.

    `softplus(-(score[winner] - score[loser] - margin))` = `-log sigmoid(...)`, in fp32 or
    better; finite for any finite score. Source: arXiv 2606.04387; the margin as in Llama 2's
    reward model, arXiv 2307.09288. `tier_mean` gives the scalar.

    Args:
        score: logits [n].
        pairs: rows of `score` and index into `tiers`, each [p].
        tiers: their margins, in logits.

    Returns:
        sum of losses and number of pairs, each [tiers]; sums are in [0, inf).
    """
    score = _accurate(score)
    margin = score.new_tensor([tier.margin for tier in tiers])
    lead = score[pairs.winner] - score[pairs.loser] - margin[pairs.tier]
    empty = score.new_zeros(len(tiers))
    return Reduced(
        total=empty.index_add(0, pairs.tier, -functional.logsigmoid(lead)),
        count=empty.index_add(0, pairs.tier, torch.ones_like(lead)),
    )


def tier_mean(
    loss: Reduced, *, tiers: Sequence[Tier], over: Literal["all", "present"] = "all"
) -> Float[Tensor, ""]:
    """Average each tier over its pairs, then the tiers by their weights.

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

    `w * (softplus(score) - label * score)` with w = weight / rate: dividing by how often the
    sampler draws a row makes the mean estimate that of the unsampled table, whatever the
    sampler prefers. Rows that must not count (not mature) come with weight 0.

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
    each = functional.binary_cross_entropy_with_logits(
        score, label.to(score.dtype), reduction="none"
    )
    return Reduced((share * each).sum(), share.sum())


def joint_loss(
    pointwise: Reduced,
    preference: Reduced,
    *,
    tiers: Sequence[Tier],
    pointwise_weight: float = 2.0,
    preference_weight: float = 1.0,
    over: Literal["all", "present"] = "all",
) -> Float[Tensor, ""]:
    """Add the two losses, each a mean: `2.0 * BCE + 1.0 * HPRO` (arXiv 2606.04387).

    Args:
        pointwise: from `pointwise_loss`.
        preference: from `hierarchical_preference_loss`, each [tiers].
        tiers: the tiers of `preference`.
        pointwise_weight: weight of the pointwise mean.
        preference_weight: weight of the preference mean.
        over: see `tier_mean`.

    Returns:
        scalar in [0, inf).
    """
    pairwise = tier_mean(preference, tiers=tiers, over=over)
    return pointwise_weight * pointwise.mean() + preference_weight * pairwise


def _accurate(score: Tensor) -> Tensor:
    return score.to(torch.promote_types(score.dtype, torch.float32))
