"""Normalised discounted cumulative gain over the rank axis, pooled or list by list.

The discount of rank r, 1 / log2(r + 1), is a density over (r - 1, r]: its integral is exact at
whole ranks and linear between, so a row of weight 2 counts as two rows, one of weight 1.5 as
one and a half. A table holds it for the first ranks; weights may add up to far more than memory
has room for, so beyond the table it is an integral with the first Euler-Maclaurin correction.
"""

import math

import torch
from jaxtyping import Float64, Int64
from scipy.special import expi
from torch import Tensor
from torch.nn import functional

from leadrank.preference.rank_axis import (
    RankAxis,
    at_edges,
    of_list,
    per_list,
    rank_axis,
    taken,
    total,
)

TABLED_RANKS = 2**20


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
    return ndcg_on(rank_axis(score, group), rank_axis(gain, group), gain, weight)


def ndcg_on(
    axis: RankAxis,
    best: RankAxis,
    gain: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
) -> Float64[Tensor, "*draws"]:
    """Return `ndcg` of rows whose rank axes by score and by gain are known [*draws]."""
    most = _dcg(best, gain, weight)
    share = torch.where(most > 0, _dcg(axis, gain, weight) / most, 0)
    return total(share) / total((most > 0).double())


def _dcg(axis: RankAxis, gain: Tensor, weight: Tensor) -> Tensor:
    rows = at_edges(axis, weight)
    width = rows.diff()
    begin = of_list(axis, rows[..., axis.lists[:-1]])
    discount = _discount_before(rows[..., 1:] - begin) - _discount_before(
        rows[..., :-1] - begin
    )
    mean_gain = torch.where(width > 0, at_edges(axis, weight * gain).diff() / width, 0)
    return per_list(axis, mean_gain * discount)


def _discount_before(rank: Tensor) -> Tensor:
    """The discounts of all ranks up to `rank`; a rank that is begun counts in part."""
    whole = rank.floor()
    longest = min(int(whole.max()), TABLED_RANKS)
    discount = 1 / torch.arange(2, longest + 2, dtype=rank.dtype).log2()
    tabled = functional.pad(discount.cumsum(0), (1, 0))
    place = whole.clamp(max=longest).long()
    before = taken(tabled, place.flatten()).view_as(whole)
    if bool((whole > longest).any()):
        last = whole.new_tensor([float(TABLED_RANKS)])
        before = before + (_integral(whole.maximum(last)) - _integral(last))
    return before + (rank - whole) * (1 / (whole + 2).log2())


def _integral(rank: Tensor) -> Tensor:
    """`sum_r 1 / log2(r + 1)` over r <= rank, but for a constant and terms in 1 / rank.

    The integral of 1 / log2(x) is ln 2 times the logarithmic integral, li(x) = Ei(ln x); a sum
    over whole x up to an end exceeds it by half of the last term (Euler-Maclaurin).
    """
    last = rank + 1
    area = torch.from_numpy(expi(last.log().numpy()))
    return math.log(2) * area + 1 / last.log2() / 2
