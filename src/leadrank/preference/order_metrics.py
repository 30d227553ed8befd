"""Metrics of order: AUC, average precision, what the top holds, pairs of stages.

All are exact and in float64, take weights [n] or many draws of them [draws n], count ties by
their expectation, and are NaN where they are undefined (no positive row, say), never 0.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from leadrank.preference.rank_axis import (
    RankAxis,
    at_edges,
    holding,
    interpolate,
    of_list,
    per_list,
    rank_axis,
    taken,
    total,
    with_blocks,
)


def auc(
    score: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    group: Int64[Tensor, " n"] | None = None,
) -> Float64[Tensor, "*draws"]:
    """Return the share of (positive, negative) pairs in the right order, ties one half.

    `sum_ij w_i w_j ([s_i > s_j] + [s_i = s_j] / 2) / sum_ij w_i w_j`, i positive, j negative.

    Args:
        score: any scale [n].
        label: 0 or 1 [n].
        weight: multiplicity of each row, 0 or more [*draws n].
        group: codes of the lists; only pairs within a list count [n].

    Returns:
        in [0, 1]; NaN without a pair [*draws].
    """
    return auc_on(rank_axis(score, group), label, weight)


def auc_on(
    axis: RankAxis, label: Float64[Tensor, " n"], weight: Float64[Tensor, "*draws n"]
) -> Float64[Tensor, "*draws"]:
    """Return `auc` of rows whose rank axis is known [*draws]."""
    won, pairs = concordance(axis, weight * label, weight * (1 - label))
    return total(won) / total(pairs)


def average_precision(
    score: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
) -> Float64[Tensor, "*draws"]:
    """Return the precision at each threshold, averaged over the positives it adds.

    `sum_t (recall_t - recall_{t-1}) precision_t` over distinct scores t, as scikit-learn does.
    Arguments as in `auc`; in (0, 1]; NaN without a positive row.
    """
    axis = rank_axis(score)
    rows, hits = at_edges(axis, weight), at_edges(axis, weight * label)
    precision = torch.where(rows > 0, hits / rows, 0)[..., 1:]
    return total(hits.diff() * precision) / hits[..., -1]


def top_hits(
    score: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    shares: Sequence[float],
) -> tuple[Float64[Tensor, "*draws shares"], Float64[Tensor, "*draws shares"]]:
    """Return the expected positive weight among the K best rows, and the same in plain rows.

    K = max(1, round(q * W)) with W the total weight (at most W); the last row counts in part.
    The second, without weights, says on how many observed positives the first rests.

    Args:
        score: any scale [n].
        label: 0 or 1 [n].
        weight: multiplicity of each row [*draws n].
        shares: the q [shares].
    """
    return top_hits_on(rank_axis(score), label, weight, shares=shares)


def top_hits_on(
    axis: RankAxis,
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    shares: Sequence[float],
) -> tuple[Float64[Tensor, "*draws shares"], Float64[Tensor, "*draws shares"]]:
    """Return `top_hits` of rows whose rank axis is known."""
    rows = at_edges(axis, weight)
    size = top_size(weight, shares=shares)
    seen = at_edges(axis, label * (weight > 0))
    return (
        interpolate(rows, at_edges(axis, weight * label), size),
        interpolate(rows, seen, size),
    )


def top_size(
    weight: Float64[Tensor, "*draws n"], *, shares: Sequence[float]
) -> Float64[Tensor, "*draws shares"]:
    """Return K = max(1, round(q * W)), at most W, for each share q [*draws shares]."""
    mass = total(weight)[..., None]
    return (mass * weight.new_tensor(shares)).round().clamp(min=1).minimum(mass)


def pair_accuracy(
    score: Float64[Tensor, " n"],
    stage: Int64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    stage_known: Bool[Tensor, " n"],
) -> Float64[Tensor, "*draws"]:
    """Return the share of all pairs of unequal known stage in the right order, ties one half.

    As `auc` with (deeper, shallower) for (positive, negative), over all such pairs at once: a
    pair weighs the product of its rows' weights.

    Args:
        score: any scale [n].
        stage: index of the stage reached [n].
        weight: multiplicity of each row [*draws n].
        stage_known: where `stage` counts [n].

    Returns:
        in [0, 1]; NaN without such a pair [*draws].
    """
    axis = rank_axis(score)
    won = pairs = torch.zeros_like(total(weight))
    for deeper in stage[stage_known].unique()[1:]:
        high = weight * (stage_known & (stage == deeper))
        low = weight * (stage_known & (stage < deeper))
        each_won, each_pairs = concordance(axis, high, low)
        won, pairs = won + total(each_won), pairs + total(each_pairs)
    return won / pairs


def concordance(axis: RankAxis, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight of (high, low) pairs in the right order, and of all, by list.

    Ties count one half. `high`, `low`: mass of each row [*draws n]; returns [*draws lists].
    """
    high_edges, low_edges = at_edges(axis, high), at_edges(axis, low)
    end, lists = axis.lists[1:], axis.lists
    # Where orders are rare, few blocks hold any of what should be high, and others add nothing.
    mass = high_edges.diff()
    chosen = holding(mass)
    some = with_blocks(axis, chosen)
    # Half of a block's own low mass counts as below its high mass: ties one half.
    middle = (taken(low_edges, chosen + 1) + taken(low_edges, chosen)) / 2
    below = of_list(some, low_edges[..., end]) - middle
    won = per_list(some, taken(mass, chosen) * below)
    return won, high_edges[..., lists].diff() * low_edges[..., lists].diff()
