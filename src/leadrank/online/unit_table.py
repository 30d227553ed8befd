"""The one table that a test is read from: what each unit (rep or store) sold on each day.

Everything about the table that cannot be used is said at once; nothing is filled in in silence.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.errors import UserError

Floats = NDArray[np.float64]
ARMS = ("control", "treatment")
#: Our names of a table's columns; `unit` and `orders` must be there.
COLUMNS = ("unit", "arm", "orders", "day", "exposure", "before", "stratum")
#: A whole number of days above this is a date such as 20240531.
YEAR_1000 = 10_000_101


@dataclass(frozen=True)
class UnitTable:
    """One row a unit, in order of their names; a table without days has one.

    `treated` is null where the table has no arms (a history). `exposure` is what orders are
    counted per: days on duty; 1 a day where the table does not say. `before` is orders per day
    before the test, `stratum` what the assignment was stratified by.
    """

    unit: tuple[str, ...]
    day: tuple[object, ...]
    orders: Floats  # [units days]
    exposure: Floats  # [units days]
    treated: NDArray[np.bool_] | None = None
    before: Floats | None = None
    stratum: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def days(self, first: int, last: int | None = None) -> "UnitTable":
        """The days from position `first` up to but without `last`."""
        cut = slice(first, last)
        return replace(
            self, day=self.day[cut], orders=self.orders[:, cut], exposure=self.exposure[:, cut]
        )

    def units(self, keep: NDArray[np.bool_]) -> "UnitTable":
        """The units of a mask."""

        def cut(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for name, kept in zip(names, keep, strict=True) if kept)

        return replace(
            self,
            unit=cut(self.unit),
            orders=self.orders[keep],
            exposure=self.exposure[keep],
            treated=None if self.treated is None else self.treated[keep],
            before=None if self.before is None else self.before[keep],
            stratum=None if self.stratum is None else cut(self.stratum),
        )


def read_rows(path: Path) -> pl.DataFrame:
    """A CSV or Parquet file. Raises UserError where it is not there, or is neither."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a table of units, CSV or Parquet")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path}: not readable as CSV or Parquet: {error}") from error


def read_unit_table(
    rows: pl.DataFrame,
    *,
    name: str = "the table",
    columns: dict[str, str] | None = None,
    need: tuple[str, ...] = ("arm",),
) -> UnitTable:
    """The table as arrays.

    Args:
        rows: one row a unit and day, or one row a unit where there is no column `day`.
        name: of the table, for messages.
        columns: our name to the table's, where it has another.
        need: columns that must be there beside `unit` and `orders`.

    Raises:
        UserError: with every problem: missing columns, unknown arms, units in two arms, numbers
            that are none or below 0, days given twice.
    """
    rows = _by_date(_renamed(rows, columns or {}, name))
    missing = [c for c in ("unit", "orders", *need) if c not in rows.columns]
    if missing:
        raise UserError(
            f"{name}: no column {', '.join(missing)}; the table has {', '.join(rows.columns)}; "
            "say which one is meant with --column NAME=COLUMN"
        )
    problems = _problems(rows)
    if problems:
        raise UserError("\n".join(f"{name}: {problem}" for problem in problems))
    return _table(rows.with_columns(pl.col("unit").cast(pl.String)))


def _renamed(rows: pl.DataFrame, columns: dict[str, str], name: str) -> pl.DataFrame:
    wrong = [f"no column {c!r}" for c in columns.values() if c not in rows.columns]
    wrong += [
        f"{ours!r} is none of {', '.join(COLUMNS)}" for ours in columns if ours not in COLUMNS
    ]
    if wrong:
        raise UserError("\n".join(f"{name}: --column: {problem}" for problem in wrong))
    ours = {c: pl.col(columns.get(c, c)) for c in COLUMNS if columns.get(c, c) in rows.columns}
    return rows.select(**ours)


def _by_date(rows: pl.DataFrame) -> pl.DataFrame:
    """Timestamps as dates, so that two rows of one day are found to be two."""
    stamped = rows.schema.get("day") == pl.Datetime
    return rows.with_columns(pl.col("day").dt.date()) if stamped else rows


def _problems(rows: pl.DataFrame) -> list[str]:
    found = [f"{n} rows without {c}" for c in rows.columns if (n := rows[c].null_count())]
    found += [p for c in ("orders", "exposure", "before") for p in _number(rows, c)]
    if rows.is_empty():
        found.append("no rows")
    if "arm" in rows.columns:
        other = sorted(set(rows["arm"].cast(pl.String).drop_nulls()) - set(ARMS))
        if other:
            found.append(f"arm {', '.join(other[:5])}: expected {' or '.join(ARMS)}")
    for c in ("arm", "before", "stratum"):
        if c in rows.columns:
            kinds = rows.group_by("unit").agg(pl.col(c).n_unique()).filter(pl.col(c) > 1)
            if len(kinds):
                units = ", ".join(map(str, kinds["unit"].sort().head(5)))
                found.append(f"units with more than one {c}: {units}")
    key = ["unit", "day"] if "day" in rows.columns else ["unit"]
    if rows.select(key).is_duplicated().any():
        found.append(f"more than one row of a {' and '.join(key)}; add them up first")
    return found


def _number(rows: pl.DataFrame, column: str) -> list[str]:
    if column not in rows.columns:
        return []
    if not rows[column].dtype.is_numeric():
        return [f"{column}: expected numbers, came {rows[column].dtype}"]
    values = rows[column].drop_nulls().cast(pl.Float64)
    bad = int((~values.is_finite() | (values < 0)).sum())
    return [f"{column}: {bad} rows are below 0 or no number"] if bad else []


def _table(rows: pl.DataFrame) -> UnitTable:
    if "day" not in rows.columns:
        rows = rows.with_columns(day=pl.lit(0))
    units = rows.unique("unit").sort("unit")
    day = _calendar(rows["day"])
    orders = np.zeros((len(units), len(day)))
    exposure = np.ones_like(orders)
    i = rows["unit"].replace_strict(units["unit"], range(len(units))).to_numpy()
    j = rows["day"].replace_strict(day, range(len(day))).to_numpy()
    orders[i, j] = rows["orders"]
    notes = []
    empty = orders.size - len(rows)
    if "exposure" in rows.columns:
        exposure[:] = 0
        exposure[i, j] = rows["exposure"]
    elif empty:
        notes.append(f"{empty:,} unit-days without a row count as a day without orders")
    return UnitTable(
        unit=tuple(units["unit"]),
        day=tuple(day),
        orders=orders,
        exposure=exposure,
        treated=(units["arm"].cast(pl.String) == ARMS[1]).to_numpy()
        if "arm" in units
        else None,
        before=units["before"].cast(pl.Float64).to_numpy() if "before" in units else None,
        stratum=tuple(units["stratum"].cast(pl.String)) if "stratum" in units else None,
        notes=tuple(notes),
    )


def _calendar(day: pl.Series) -> pl.Series:
    """All days from first to last, whether anything was sold or not."""
    if day.dtype == pl.Date:
        return pl.select(pl.date_range(pl.lit(day).min(), pl.lit(day).max())).to_series()
    if not day.dtype.is_integer():
        raise UserError(f"day: expected dates (2024-05-31) or whole numbers, came {day.dtype}")
    if (day > YEAR_1000).any():
        raise UserError(f"day: {day[0]} looks like a date without hyphens; write 2024-05-31")
    whole = pl.int_range(pl.lit(day).min(), pl.lit(day).max() + 1)
    return pl.select(whole).to_series().cast(day.dtype)
