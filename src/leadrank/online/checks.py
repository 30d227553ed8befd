"""What should be alike in both arms if nothing but the policy differs."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from leadrank.errors import UserError
from leadrank.online.unit_table import Floats, UnitTable

#: A check below this chance is shown as failed: rare enough not to cry wolf at every test.
SUSPECT = 0.01


@dataclass(frozen=True)
class Check:
    """One comparison of the arms: `p_value` is small where they differ beyond chance."""

    name: str
    control: float
    treatment: float
    p_value: float

    @property
    def failed(self) -> bool:
        """Whether to look into it before believing the uplift."""
        return self.p_value < SUSPECT


def checks_of(table: UnitTable, *, share: float) -> list[Check]:
    """Sample ratio (chi-square), exposure and earlier orders (Welch's test).

    Args:
        table: with arms.
        share: of units that were to be treated.
    """
    assert table.treated is not None
    treated = table.treated
    control, treatment = int((~treated).sum()), int(treated.sum())
    planned = np.array([1 - share, share]) * len(treated)
    ratio = stats.chisquare([control, treatment], planned)
    found = [Check("units", control, treatment, float(ratio.pvalue))]
    found.append(_alike("exposure", table.exposure.sum(axis=1), treated))
    if table.before is not None:
        found.append(_alike("earlier orders a day", table.before, treated))
    return found


def _alike(name: str, value: Floats, treated: NDArray[np.bool_]) -> Check:
    a, b = value[~treated], value[treated]
    same = np.ptp(value) <= 1e-12 * np.abs(value).max()
    p = 1.0 if same else float(stats.ttest_ind(a, b, equal_var=False).pvalue)
    return Check(name, float(a.mean()), float(b.mean()), p)


def with_plan(
    rows: pl.DataFrame, plan: pl.DataFrame, *, unit: str = "unit", arm: str = "arm"
) -> tuple[pl.DataFrame, list[str]]:
    """The rows with the plan's arm, stratum and earlier orders, and notes on who is missing.

    Args:
        rows: a table of a test whose units are in column `unit` and arms, if any, in `arm`.
        plan: what `leadrank abtest design` wrote.

    Raises UserError where units ran another arm than planned: what they sold is then no longer
    a comparison of chance.
    """
    missing = [c for c in ("unit", "arm", "stratum", "before") if c not in plan.columns]
    if missing or unit not in rows.columns:
        raise UserError(
            f"--plan: no column {', '.join(missing)} in the plan"
            if missing
            else f"no column {unit!r} in the table; it has {', '.join(rows.columns)}"
        )
    plan = plan.select(pl.col("unit").cast(pl.String), "arm", "stratum", "before")
    rows = rows.with_columns(pl.col(unit).cast(pl.String))
    if arm in rows.columns:
        _check_arms(rows.select(unit=unit, ran=arm), plan)
    kept = rows.drop("stratum", "before", arm, strict=False).join(
        plan.rename({"unit": unit, "arm": arm}), on=unit, how="inner", maintain_order="left"
    )
    notes = []
    if other := rows[unit].n_unique() - kept[unit].n_unique():
        notes.append(f"{other} units are not in the plan and are left out")
    lost = plan.filter(~pl.col("unit").is_in(rows[unit].unique().to_list()))
    if len(lost):
        arms = ", ".join(f"{n} {a}" for a, n in lost.group_by("arm").len().sort("arm").rows())
        notes.append(f"planned units without a row: {arms}; if the arm is why, believe nothing")
    return kept, notes


def _check_arms(ran: pl.DataFrame, plan: pl.DataFrame) -> None:
    both = ran.unique().join(plan, on="unit").filter(pl.col("ran") != pl.col("arm"))
    if len(both):
        units = ", ".join(both["unit"].unique().sort().head(5))
        raise UserError(
            f"{both['unit'].n_unique()} units ran another arm than planned: {units}; analyse "
            "them in the arm they were assigned (drop the table's arm column), or find out why"
        )
