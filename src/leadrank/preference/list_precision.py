"""Precision at the top of each list: what a rep finds among the K leads called first."""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from leadrank.preference.rank_axis import RankAxis, at_edges, interpolate, rank_axis, total


def list_precision(
    score: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    group: Int64[Tensor, " n"],
    size: int,
) -> Float64[Tensor, "*draws"]:
    """Return the share of positives among the K best of a list, averaged over the lists.

    `mean_l hits_l(K) / K`, K = `size` or the list's whole weight where that is less; ties by
    expectation, the last row in part. Lists without weight do not count.

    Args:
        score: any scale [n].
        label: 0 or 1 [n].
        weight: multiplicity of each row, 0 or more [*draws n].
        group: codes of the lists [n].
        size: K, 1 or more.

    Returns:
        in [0, 1]; NaN without a list [*draws].
    """
    return list_precision_on(rank_axis(score, group), label, weight, size=size)


def list_precision_on(
    axis: RankAxis,
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    size: int,
) -> Float64[Tensor, "*draws"]:
    """Return `list_precision` of rows whose rank axis is known [*draws]."""
    rows, hits = at_edges(axis, weight), at_edges(axis, weight * label)
    begin, mass = rows[..., axis.lists[:-1]], rows[..., axis.lists].diff()
    taken = mass.clamp(max=float(size))
    found = interpolate(rows, hits, begin + taken) - hits[..., axis.lists[:-1]]
    share = torch.where(mass > 0, found / taken, 0)
    return total(share) / total((mass > 0).double())
