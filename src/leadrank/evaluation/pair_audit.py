"""What a pair teaches: whether one column tells its winner, and its leads side by side."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from textwrap import wrap
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.funnel import LeadTable
from leadrank.preference import Pairs, Tier

Floats = NDArray[np.float64]


def shortcuts(
    columns: Mapping[str, Floats], pairs: Pairs, tiers: Sequence[Tier]
) -> pl.DataFrame:
    """How often one numeric input alone tells the winner, by tier: `told`, highest first.

    `told = max(a, 1 - a)`, a = the share of a tier's pairs, by weight, in which the winner has
    the higher value, ties one half; 1/2 is a coin. A tier that one column tells with 1 teaches
    the model that column. Pairs in which a value is missing are not counted.

    Args:
        columns: {name: values [n], NaN where missing}.
        pairs: pairs of the same n rows.
        tiers: what `pairs.tier` counts.

    Returns:
        columns `tier`, `column`, `told` (1/2 to 1), `higher_wins`, `pairs` (counted). Tiers and
        columns without a pair to count are left out.
    """
    winner, loser, tier = (part.numpy() for part in (pairs.winner, pairs.loser, pairs.tier))
    weight = pairs.weight.double().numpy()
    found = []
    for name, values in columns.items():
        difference = values[winner] - values[loser]
        for index, one in enumerate(tiers):
            counted = (tier == index) & np.isfinite(difference) & (weight > 0)
            if counted.any():
                right = (np.sign(difference[counted]) + 1) / 2
                share = float(np.average(right, weights=weight[counted]))
                found.append(
                    (one.name, name, max(share, 1 - share), share >= 0.5, int(counted.sum()))
                )
    names = ["tier", "column", "told", "higher_wins", "pairs"]
    return pl.DataFrame(found, names, orient="row").sort("told", descending=True)


def numeric_columns(table: LeadTable) -> dict[str, Floats]:
    """The numeric inputs of a table [rows], NaN where missing."""
    return {
        field.column: table.rows[field.column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for field in table.crm.fields.numeric
    }


def side_by_side(table: LeadTable, winner: int, loser: int, *, width: int = 80) -> str:
    """Two rows of a table beside each other: stage, fields, texts, in lines of `width`.

    Args:
        table: the lead table.
        winner: position of the left row.
        loser: position of the right row.
        width: columns of the whole.
    """
    each = (width - 3) // 2
    left, right = (list(_blocks(table, row)) for row in (winner, loser))
    lines = []
    for pair in zip_longest(left, right, fillvalue=""):
        wrapped = [wrap(text, each) or [""] for text in pair]
        for one, other in zip_longest(*wrapped, fillvalue=""):
            lines.append(f"{one:<{each}} | {other}".rstrip())
    return "\n".join(lines)


def _blocks(table: LeadTable, position: int) -> Iterator[str]:
    """The lines that describe a row, unwrapped; the same number before the texts begin."""
    row, crm = table.rows.row(position, named=True), table.crm
    stage = "unknown" if row["stage"] is None else crm.stage_names[row["stage"]]
    yield f"lead {row['lead_id']} at {_time(row['snapshot'])}"
    yield f"reached: {stage}{', lost' if row['lost'] else ''}"
    yield ""
    for field in (*crm.fields.numeric, *crm.fields.categorical):
        yield f"{field.name}: {_value(row[field.column])}"
    yield ""
    for note in row["text"] or ():
        yield f"[{_time(note['at'])} {note['name']}] {note['text']}"


def _time(value: Any) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
