"""The rank axis: rows laid end to end, best first, a row of weight w taking up w of the axis.

Rows of equal score share one stretch (a block), over which what they hold is spread evenly:
that is the expectation over all orders in which ties could fall. So integer weights give
exactly what replicated rows give, and real weights what lies between.

Everything is read off cumulative sums at block edges, for one weight per row or for many draws
of weights at once. Cumulative sums run in a fixed order, while `Tensor.sum` changes its last
digit with the number of threads; results here do not.
"""

from typing import NamedTuple

import numpy as np
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
        start = torch.tensor([0, len(score)])
        ordered = taken(score, order)
        fresh = ordered[1:] != ordered[:-1]
    else:
        order, start, fresh = _list_by_list(score, group)
    if len(score) and bool(fresh.all()):
        edges, lists = torch.arange(len(score) + 1), start
    else:
        edges = _bounds(fresh, score)
        lists = torch.searchsorted(edges, start)
    in_order = bool((order[1:] > order[:-1]).all())
    return RankAxis(None if in_order else order, edges, lists)


def _list_by_list(score: Tensor, group: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows list after list, best first within each [n], with ties in the order of rows.

    And where lists begin [lists + 1], and which rows begin a block of ties [n - 1]. Codes are
    sorted at once, by their digits.
    """
    by_list = group.argsort(stable=True)
    ordered = taken(group, by_list)
    start = _bounds(ordered[1:] != ordered[:-1], score)
    falling = -taken(score, by_list)
    # The quick sort is three times as fast and leaves ties in any order: it is tried first.
    for stable in (False, True):
        order = taken(by_list, _within(falling, start, stable=stable))
        ordered = taken(score, order)
        fresh = ordered[1:] != ordered[:-1]
        fresh[start[1:-1] - 1] = True
        if bool(fresh.all()):
            break
    return order, start, fresh


def _within(falling: Tensor, start: Tensor, *, stable: bool) -> Tensor:
    """Places of rows that lie list after list, ascending within each list [n].

    Lists are sorted as rows of a matrix, whose short sorts stay in the processor's cache. Where
    a few long ones would make it mostly empty, all rows are sorted and then put by list.
    """
    rows, size = len(falling), start.diff()
    longest = int(size.max()) if rows else 0
    number = torch.arange(len(size)).repeat_interleave(size, output_size=rows)
    if longest == 0 or longest * len(size) > MOST_PADDED * rows:
        order = falling.argsort(stable=True)
        return order[number[order].argsort(stable=True)]
    first = taken(start, number)
    # Where each row lies in the matrix, which keeps `longest` places for each list.
    at = torch.arange(rows) + number * longest - first
    matrix = torch.full((len(size) * longest,), torch.inf, dtype=torch.float64)
    matrix[at] = falling
    # Of two infinite values the one that is there must come before the empty place.
    stable = stable or bool((falling == torch.inf).any())
    matrix_rows = matrix.view(-1, longest).numpy()
    ranked = matrix_rows.argsort(axis=1, kind="stable" if stable else "quicksort")
    return taken(torch.from_numpy(ranked).flatten(), at) + first


def in_order(axis: RankAxis, *columns: Float64[Tensor, "... n"]) -> list[Tensor]:
    """Return the columns as they lie on the axis, to be read with `axis._replace(order=None)`.

    Putting rows in order is most of what one more metric on the same axis costs.
    """
    return [c if axis.order is None else taken(c, axis.order) for c in columns]


def taken(values: Tensor, index: Tensor) -> Tensor:
    """Return `values[..., index]`; for one row of values by NumPy, four times as fast."""
    if values.dim() > 1:
        return values[..., index]
    return torch.from_numpy(values.numpy().take(index.numpy()))


def at_edges(axis: RankAxis, mass: Float64[Tensor, "*draws n"]) -> Tensor:
    """Return the mass that lies before each block edge [*draws blocks+1]."""
    # Putting draws in order is most of the cost of a bootstrap, which sorts its rows up front.
    ordered = mass if axis.order is None else taken(mass, axis.order)
    below = ordered.new_zeros(*ordered.shape[:-1], ordered.shape[-1] + 1)
    torch.cumsum(ordered, -1, out=below[..., 1:])
    no_ties = len(axis.edges) == below.shape[-1]
    return below if no_ties else taken(below, axis.edges)


def holding(mass: Float64[Tensor, "*draws blocks"]) -> Int64[Tensor, " some"]:
    """Return the numbers of the blocks that hold any mass, in any draw."""
    held = mass > 0 if mass.dim() == 1 else (mass > 0).flatten(0, -2).any(0)
    return torch.from_numpy(np.flatnonzero(held.numpy()))


def with_blocks(axis: RankAxis, chosen: Int64[Tensor, " some"]) -> RankAxis:
    """Return the axis whose lists hold some of their blocks, by number and ascending.

    Only `per_list` and `of_list` may read it, of values of these blocks.
    """
    return axis._replace(lists=torch.searchsorted(chosen, axis.lists))


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


def _bounds(fresh: Tensor, rows: Tensor) -> Tensor:
    """0, one after each row that the next one is parted from, and the number of rows."""
    inner = torch.from_numpy(np.flatnonzero(fresh.numpy())) + 1
    return torch.cat([inner.new_zeros(1), inner, inner.new_full((1,), len(rows))])
