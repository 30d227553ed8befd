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
    holding,
    in_order,
    of_list,
    per_list,
    rank_axis,
    taken,
    total,
    with_blocks,
)

TABLED_RANKS = 2**20
#: So many gains above 0 are taken one by one.
FEW_GAINS = 8


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
    return ndcg_on(rank_axis(score, group), gain, weight)


def ndcg_on(
    axis: RankAxis, gain: Float64[Tensor, " n"], weight: Float64[Tensor, "*draws n"]
) -> Float64[Tensor, "*draws"]:
    """Return `ndcg` of rows whose rank axis is known [*draws]."""
    gain, weight = in_order(axis, gain, weight)
    axis = axis._replace(order=None)
    most = _best_dcg(axis, gain, weight)
    share = torch.where(most > 0, _dcg(axis, gain, weight) / most, 0)
    return total(share) / total((most > 0).double())


def _best_dcg(axis: RankAxis, gain: Tensor, weight: Tensor) -> Tensor:
    """[*draws lists] the DCG of each list if its rows, which are in order, lay by their gain.

    Gains are few (a label, stages), and each fills the ranks after the higher ones: no sorting.
    """
    ends = axis.edges[axis.lists]
    found = before = weight.new_zeros(*weight.shape[:-1], len(ends) - 1)
    level = float(gain.max()) if len(gain) else 0.0
    for _ in range(FEW_GAINS):
        if level <= 0:
            return found
        rows = functional.pad((weight * (gain >= level)).cumsum(-1), (1, 0))
        ranks = rows[..., ends].diff()
        found = found + level * (_discount_before(ranks) - _discount_before(before))
        before, level = ranks, float(torch.where(gain < level, gain, 0).max())
    group = torch.arange(len(ends) - 1).repeat_interleave(ends.diff())
    return _dcg(rank_axis(gain, group), gain, weight)


def _dcg(axis: RankAxis, gain: Tensor, weight: Tensor) -> Tensor:
    """[*draws lists] the gains of each list at the discounts of their places on the axis."""
    rows, gains = at_edges(axis, weight), at_edges(axis, weight * gain).diff()
    # Blocks without gain add nothing, and where orders are rare they are nearly all.
    chosen = holding(gains)
    some = with_blocks(axis, chosen)
    begin = of_list(some, rows[..., axis.lists[:-1]])
    above, below = taken(rows, chosen), taken(rows, chosen + 1)
    discount = _discount_before(below - begin) - _discount_before(above - begin)
    width = below - above
    mean_gain = torch.where(width > 0, taken(gains, chosen) / width, 0)
    return per_list(some, mean_gain * discount)


def _discount_before(rank: Tensor) -> Tensor:
    """The discounts of all ranks up to `rank`; a rank that is begun counts in part."""
    whole = rank.floor()
    longest = min(int(whole.max()), TABLED_RANKS) if whole.numel() else 0
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
