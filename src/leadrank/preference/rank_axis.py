"""The rank axis: rows laid end to end, best first, a row of weight w taking up w of the axis.

Rows of equal score share one stretch (a block), over which what they hold is spread evenly:
that is the expectation over all orders in which ties could fall. So integer weights give
exactly what replicated rows give, and real weights what lies between.

Everything is read off cumulative sums at block edges, for one weight per row or for many draws
of weights at once. Cumulative sums run in a fixed order, while `Tensor.sum` changes its last
digit with the number of threads; results here do not.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn import functional

#: Lists are sorted as rows of a matrix of at most so many times their rows.
MOST_PADDED = 3


class RankAxis(NamedTuple):
    """Where rows, blocks of ties and lists begin and end.

    Attributes:
        order: rows, list after list, best first within each [n]; None if they come so.
        edges: place in `order` at which each block begins, and the end of the last.
        lists: index into `edges` at which each list begins, and the end of the last.
    """

    order: Int64[Tensor, " n"] | None
    edges: Int64[Tensor, " blocks_and_one"]
    lists: Int64[Tensor, " lists_and_one"]


def rank_axis(
    score: Float64[Tensor, " n"], group: Int64[Tensor, " n"] | None = None
) -> RankAxis:
    """Sort rows by descending score, within each list where `group` gives its code [n]."""
    if group is None:
        order = score.argsort(descending=True, stable=True)
        fresh_list = torch.zeros(max(len(score) - 1, 0), dtype=torch.bool)
    else:
        order, fresh_list = _list_by_list(score, group)
    ordered = taken(score, order)
    fresh_block = fresh_list | (ordered[1:] != ordered[:-1])
    edges, lists = _bounds(fresh_block, len(score)), _bounds(fresh_list, len(score))
    in_order = bool((order.diff() > 0).all())
    return RankAxis(None if in_order else order, edges, torch.searchsorted(edges, lists))


def _list_by_list(score: Tensor, group: Tensor) -> tuple[Tensor, Tensor]:
    """Rows list after list, best first within each [n], and which begin a list [n - 1].

    Codes are sorted at once, by their digits; scores list by list as rows of a matrix, whose
    short sorts stay in the processor's cache. Where a few long lists would make that matrix
    mostly empty, all scores are sorted first.
    """
    by_list = group.argsort(stable=True)
    ordered = taken(group, by_list)
    fresh_list = ordered[1:] != ordered[:-1]
    start = _bounds(fresh_list, len(score))
    size = start.diff()
    longest = int(size.max()) if len(score) else 0
    if longest == 0 or longest * len(size) > MOST_PADDED * len(score):
        order = score.argsort(descending=True, stable=True)
        return order[group[order].argsort(stable=True)], fresh_list
    # Where each row lies in the matrix, which keeps `longest` places for each list.
    first = start[:-1].repeat_interleave(size)
    at = torch.arange(len(score)) - first + _numbers(size) * longest
    matrix = torch.full((len(size) * longest,), torch.inf, dtype=torch.float64)
    matrix[at] = -taken(score, by_list).double()
    # Stable, so that of two rows of -inf the one that is there comes before the empty place.
    ranked = matrix.view(-1, longest).numpy().argsort(axis=1, kind="stable")
    place = taken(torch.from_numpy(ranked).flatten(), at)
    return taken(by_list, place + first), fresh_list


def _numbers(size: Tensor) -> Tensor:
    """The number of each row's list [n]."""
    return torch.arange(len(size)).repeat_interleave(size)


def taken(values: Tensor, index: Tensor) -> Tensor:
    """Return `values[..., index]`; for one row of values four times as fast."""
    return values.index_select(0, index) if values.dim() == 1 else values[..., index]


def at_edges(axis: RankAxis, mass: Float64[Tensor, "*draws n"]) -> Tensor:
    """Return the mass that lies before each block edge [*draws blocks+1]."""
    # Putting draws in order is most of the cost of a bootstrap, which sorts its rows up front.
    ordered = mass if axis.order is None else taken(mass, axis.order)
    below = functional.pad(ordered.cumsum(-1), (1, 0))
    no_ties = len(axis.edges) == below.shape[-1]
    return below if no_ties else taken(below, axis.edges)


def per_list(axis: RankAxis, value: Float64[Tensor, "*draws blocks"]) -> Tensor:
    """Sum a value of each block over the blocks of each list [*draws lists]."""
    return functional.pad(value.cumsum(-1), (1, 0))[..., axis.lists].diff()


def of_list(axis: RankAxis, value: Float64[Tensor, "*draws lists"]) -> Tensor:
    """Give each block the value of its list [*draws blocks], or [*draws 1] for one list."""
    if value.shape[-1] == 1:
        return value
    return value.repeat_interleave(axis.lists.diff(), dim=-1)


def total(value: Float64[Tensor, "*draws n"]) -> Float64[Tensor, "*draws"]:
    """Sum over the last axis in a fixed order; 0 where it is empty."""
    return functional.pad(value.cumsum(-1), (1, 0))[..., -1]


def interpolate(
    x: Float64[Tensor, "*draws edges"],
    y: Float64[Tensor, "*draws edges"],
    at: Float64[Tensor, "*draws points"],
) -> Float64[Tensor, "*draws points"]:
    """Read the broken line through (x, y) at points within x, which ascends from 0."""
    right = torch.searchsorted(x.contiguous(), at.contiguous()).clamp(1, x.shape[-1] - 1)
    x0, x1 = x.gather(-1, right - 1), x.gather(-1, right)
    y0, y1 = y.gather(-1, right - 1), y.gather(-1, right)
    width = x1 - x0
    share = torch.where(width > 0, (at - x0) / width, 0)
    return y0 + share * (y1 - y0)


def _bounds(fresh: Tensor, end: int) -> Tensor:
    inner = fresh.nonzero().flatten() + 1
    return torch.cat([inner.new_zeros(1), inner, inner.new_full((1,), end)])
