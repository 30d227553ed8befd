"""Normalised discounted cumulative gain over the rank axis, pooled or list by list.

The discount of rank r, 1 / log2(r + 1), is a density over (r - 1, r]: its integral is exact at
whole ranks and linear between, so a row of weight 2 counts as two rows, one of weight 1.5 as
one and a half. The table of it is as long as the total weight (8 bytes a unit).
"""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn import functional

from leadrank.preference.rank_axis import at_edges, of_list, per_list, rank_axis, total


def ndcg(
    score: Float64[Tensor, " n"],
    gain: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    group: Int64[Tensor, " n"] | None = None,
) -> Float64[Tensor, "*draws"]:
    """Return DCG over the best possible DCG, averaged over the lists that hold any gain.

    `sum_i gain_i / log2(1 + rank_i)`, ties by expectation over their orders, as scikit-learn.

    Args:
        score: any scale [n].
        gain: what a row at rank 1 is worth, 0 or more [n].
        weight: multiplicity of each row, 0 or more [*draws n].
        group: codes of the lists, one list where absent [n].

    Returns:
        in (0, 1]; NaN where there is no gain [*draws].
    """
    best = _dcg(gain, gain, weight, group)
    share = torch.where(best > 0, _dcg(score, gain, weight, group) / best, 0)
    return total(share) / total((best > 0).double())


def _dcg(score: Tensor, gain: Tensor, weight: Tensor, group: Tensor | None) -> Tensor:
    axis = rank_axis(score, group)
    rows = at_edges(axis, weight)
    width = rows.diff()
    begin = of_list(axis, rows[..., axis.lists[:-1]])
    discount = _discount_before(rows[..., 1:] - begin) - _discount_before(
        rows[..., :-1] - begin
    )
    mean_gain = torch.where(width > 0, at_edges(axis, weight * gain).diff() / width, 0)
    return per_list(axis, mean_gain * discount)


def _discount_before(rank: Tensor) -> Tensor:
    longest = int(rank.max().ceil()) + 1
    step = 1 / torch.arange(2, longest + 2, dtype=rank.dtype).log2()
    before = functional.pad(step.cumsum(0), (1, 0))
    whole = rank.long()
    return before[whole] + (rank - whole) * step[whole]
