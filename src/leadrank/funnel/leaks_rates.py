"""Statistics of a rep or store that count the row's own outcome."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2

from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.leaks_rows import SeenRows

Floats = NDArray[np.float64]

ALPHA = 1e-3
#: Fewer groups than this say too little.
LEAST_GROUPS = 5
LEAST_ROWS = 5
#: A mean without the row's own outcome has two values a group; more are no such mean.
MOST_VALUES = 2.0
TOLERANCE = 1e-7


def own_outcomes(seen: SeenRows, table: pl.DataFrame) -> Iterator[Leak]:
    """Numbers of a group (rep, store) that were computed from its rows' own outcomes.

    Two tests, of each number and each grouping. A mean of n outcomes times n is whole: alarm
    where x times the group's rows, mature rows or leads (or one less) is, in all groups; by
    chance k / m times an unrelated number is, with 1 / m each. And where x is constant within
    a group, order rates of the rows at hand differ from an honest rate, of other rows, by
    chance: `sum_g (rate_g - a - b x_g)^2 / error_g^2`, a and b fitted, is about chi-squared
    with G - 2 degrees or larger; alarm where it is too small. Each has a chance of 0.001 over
    all tests.

    Args:
        seen: rows whose outcomes may be looked at.
        table: all rows; of them only the sizes of groups are read.
    """
    numbers = [field.column for field in seen.crm.fields.numeric]
    groups, everywhere = _groups(seen.crm, seen.rows), _groups(seen.crm, table)
    tests = max(1, len(numbers) * len(groups))
    for column in numbers:
        value = seen.rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name, code in groups.items():
            leak = _whole(table, column, name, everywhere[name], tests) or _constant(
                seen, column, value, name, code, tests
            )
            if leak:
                yield leak
                break


def _groups(crm: CrmFile, rows: pl.DataFrame) -> dict[str, NDArray[np.int64]]:
    """{column: codes [n]} of categorical fields, and of the group's own columns."""
    found = {}
    names = {field.column: rows[field.column] for field in crm.fields.categorical}
    if crm.group is not None:
        # `specialist 7 / 2024-01-31`: without the day a group is a rep or store.
        listed = rows["group"]
        names["rep or store"] = listed.str.replace(r" / \d{4}-\d{2}-\d{2}$", "")
    for name, values in names.items():
        code = values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        found[name] = code
    return found


def _constant(
    seen: SeenRows, column: str, value: Floats, name: str, code: NDArray, tests: int
) -> Leak | None:
    frame = pl.DataFrame({"g": code, "x": value, "y": seen.label, "lead": seen.lead})
    by_group = (
        frame.filter(pl.col("x").is_finite())
        .group_by("g", maintain_order=True)
        .agg(
            (pl.col("x").max() - pl.col("x").min()).alias("spread"),
            pl.col("x").first(),
            pl.col("y").mean().alias("rate"),
            pl.len().alias("rows"),
            pl.col("y").sum().alias("orders"),
        )
        .filter(pl.col("rows") >= LEAST_ROWS)
    )
    if by_group.height < LEAST_GROUPS or by_group["x"].n_unique() < LEAST_GROUPS:
        return None
    if (by_group["spread"] > 1e-9 * by_group["x"].abs().max()).any():  # type: ignore[operator]
        return None
    rate, rows, x = (by_group[c].cast(pl.Float64).to_numpy() for c in ("rate", "rows", "x"))
    overall = float(seen.label.mean())
    weight = rows / max(overall * (1 - overall), 1e-12)
    if np.ptp(rate) == 0:
        return None
    design = np.column_stack([np.ones_like(x), x])
    root = np.sqrt(weight)[:, None]
    fitted, *_ = np.linalg.lstsq(design * root, rate * root[:, 0], rcond=None)
    misfit = float((weight * (rate - design @ fitted) ** 2).sum())
    if fitted[1] <= 0 or chi2.cdf(misfit, len(x) - 2) * tests >= ALPHA:
        return None
    return Leak(
        "rate",
        column,
        True,
        f"It is one number for each value of {name!r}, and agrees with the order rates of "
        f"the {len(x):,} groups' own rows more closely than chance lets a rate of other rows "
        f"(chi-squared {misfit:.3g} at {len(x) - 2} degrees): it counts these outcomes.",
    )


def _whole(
    table: pl.DataFrame, column: str, name: str, code: NDArray, tests: int
) -> Leak | None:
    """A mean of the group's rows, or of all but the row's own, times their number is whole."""
    listed = table.select(
        "lead_id", "mature", x=pl.col(column).cast(pl.Float64), g=pl.Series(code)
    )
    known = listed.filter(pl.col("x").is_finite() & (pl.col("x") % 1 != 0))
    values = known.select("g", "x").unique()
    per_group = values.height / max(1, values["g"].n_unique())
    if values["g"].n_unique() < LEAST_GROUPS or per_group > MOST_VALUES:
        return None
    by_group = listed.group_by("g").agg(
        pl.len().alias("rows"),
        pl.col("mature").sum().cast(pl.UInt32).alias("mature rows"),
        pl.col("lead_id").n_unique().alias("leads"),
    )
    sizes = values.join(by_group, on="g", how="left")
    for unit in ("rows", "mature rows", "leads"):
        for own, said in ((0, "all"), (1, "all but one")):
            count = sizes[unit].to_numpy().astype(np.int64) - own
            chance = _chance_of_whole(sizes["x"].to_numpy(), count)
            if chance * tests * 6 < ALPHA:
                return Leak(
                    "rate",
                    column,
                    True,
                    f"Times {said} of the {unit} of its {name!r} in this table it is a whole "
                    f"number in each of {values['g'].n_unique():,} groups: it is their mean, "
                    "each row's own outcome and later ones among them.",
                )
    return None


def _chance_of_whole(value: Floats, count: NDArray[np.int64]) -> float:
    """How likely values of these denominators are whole times `count`; 1 where one is not.

    A fraction k / m in lowest terms times an unrelated count is whole with probability 1 / m.
    """
    chance = 0.0
    for one, size in zip(value, count, strict=True):
        if size < 1:
            return 1.0
        near = Fraction(float(one)).limit_denominator(int(size))
        if abs(float(near) - one) > TOLERANCE or size % near.denominator:
            return 1.0
        chance -= np.log(near.denominator)
    return float(np.exp(chance))
