"""The plan of a test: who gets what, for how long, and the uplift it could see."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.errors import UserError
from leadrank.online.assignment import assign
from leadrank.online.power import (
    Spread,
    needed_ratio,
    smallest_lift,
    spread_of,
    standard_error,
)
from leadrank.online.sequential import (
    always_valid_multiplier,
    spending_multipliers,
    with_dof,
)
from leadrank.online.unit_table import ARMS, UnitTable

LEAD_REFUSED = (
    "a test cannot randomise leads: leads compete for a rep's time, so each call that the "
    "treatment moves to one of its leads is taken from a lead of the control, and the uplift "
    "is counted twice; randomise who works through a whole list: --unit rep or --unit store"
)
#: Columns of a plan's table that say one thing of the whole test.
TERMS = ("days", "lag_days", "looks", "share")
#: Fewer units than this in an arm: Student's quantiles grow, and one odd unit decides.
FEW = 10


@dataclass(frozen=True)
class Plan:
    """A test that can be run: arms of the units, and what it can see.

    `before` is orders per unit-day in the history, of `before_days` days; `treated`, `stratum`
    and `before` are [units]. Orders are counted from day `lag_days` + 1 to day `days`. `share`
    is of units to be treated.
    """

    kind: str
    unit: tuple[str, ...]
    treated: NDArray[np.bool_]
    stratum: tuple[str, ...]
    before: NDArray[np.float64]
    before_days: int
    days: int
    lag_days: int
    looks: int
    share: float
    spread: Spread

    @property
    def table(self) -> pl.DataFrame:
        """The assignment: unit, arm, stratum, before; and the same `TERMS` in every row."""
        arm = np.array(ARMS)[self.treated.astype(int)]
        return pl.DataFrame(
            {"unit": self.unit, "arm": arm, "stratum": self.stratum, "before": self.before}
        ).with_columns(**{name: pl.lit(getattr(self, name)) for name in TERMS})

    @property
    def dof(self) -> int:
        """Units less what is estimated: the two arms, strata, and CUPED's slope."""
        return len(self.unit) - 2 - (len(set(self.stratum)) - 1) - 1

    def smallest(self, days: int, *, cuped: bool, critical: float | None = None) -> float:
        """Relative uplift found with 80 % power in a test of so many days, lag included.

        Infinite where so few units differ so much that no uplift would be.
        """
        treated = int(self.treated.sum())
        error = partial(
            standard_error,
            self.spread,
            days=days - self.lag_days,
            before=self.before_days if cuped else 0,
            control=len(self.unit) - treated,
            treated=treated,
        )
        return smallest_lift(error, self.spread.mean, needed_ratio(self.dof, critical=critical))


def design(
    history: UnitTable,
    *,
    kind: str,
    days: int,
    lag_days: int,
    salt: str,
    share: float = 0.5,
    size_strata: int = 1,
    looks: int = 20,
) -> Plan:
    """A plan from what units sold before the test.

    Args:
        history: orders by unit and day, with `stratum` where the table has one.
        kind: `rep` or `store`.
        days: the test's length.
        lag_days: days until a call has had its effect; the first ones are not counted.
        salt: of the assignment; another salt, another draw.
        share: of units treated.
        size_strata: groups of equal number by earlier orders, within the given strata.
        looks: planned looks at the running test.

    Raises:
        UserError: leads as units, a test shorter than the lag, a history without orders or too
            short, strata with a single unit.
    """
    if kind == "lead":
        raise UserError(LEAD_REFUSED)
    _check(history, days, lag_days, size_strata, looks)
    before = history.orders.mean(axis=1)
    stratum = _strata(history.stratum or ("all",) * len(before), before, size_strata)
    plan = Plan(
        kind=kind,
        unit=history.unit,
        treated=assign(history.unit, stratum, salt=salt, share=share),
        stratum=stratum,
        before=before,
        before_days=len(history.day),
        days=days,
        lag_days=lag_days,
        looks=looks,
        share=share,
        spread=spread_of(history.orders, np.array(stratum)),
    )
    if plan.dof < 2:
        raise UserError(
            f"{len(before)} {kind}s in {len(set(stratum))} strata leave {plan.dof} degrees of "
            "freedom; expected 2 or more: take fewer strata or more units"
        )
    return plan


def terms_of(table: pl.DataFrame) -> dict[str, float]:
    """What the whole test was planned to be, as far as a plan's table says: its `TERMS`.

    Raises UserError where a term is no number, or not the same in every row.
    """
    told = {name: table[name].unique() for name in TERMS if name in table.columns}
    wrong = [
        f"the plan's column {name}: expected one number in every row, came "
        f"{', '.join(map(str, values.head(5)))}"
        for name, values in told.items()
        if len(values) != 1 or not values.dtype.is_numeric()
    ]
    if wrong:
        raise UserError("\n".join(wrong))
    return {name: values[0] for name, values in told.items()}


def _check(history: UnitTable, days: int, lag_days: int, size_strata: int, looks: int) -> None:
    problems = []
    if days <= lag_days:
        problems.append(
            f"--days {days}: nothing is counted in the first {lag_days} days (--lag-days), so "
            "the test must be longer"
        )
    if lag_days < 0 or size_strata < 1 or looks < 1:
        problems.append("--lag-days must be 0 or more, --size-strata and --looks 1 or more")
    if history.orders.sum() == 0:
        problems.append("the history has no order; give one with some")
    if problems:
        raise UserError("\n".join(problems))


def _strata(
    given: tuple[str, ...], before: NDArray[np.float64], groups: int
) -> tuple[str, ...]:
    """The given strata, each cut into `groups` of equal number by earlier orders."""
    names = np.array(given, dtype=object)
    for stratum in sorted(set(given)) if groups > 1 else ():
        here = np.flatnonzero(names == stratum)
        place = np.argsort(np.argsort(before[here], kind="stable"), kind="stable")
        names[here] = [f"{stratum} / size {p * groups // len(here) + 1}" for p in place]
    alone = [str(name) for name in sorted(set(names)) if (names == name).sum() < 2]
    if alone:
        raise UserError(
            f"strata with a single unit: {', '.join(alone[:5])}; it would be compared with "
            "none: join strata, or take fewer --size-strata"
        )
    return tuple(map(str, names))


def format_plan(plan: Plan) -> str:
    """The plan in at most 80 columns."""
    n, treated, s = len(plan.unit), int(plan.treated.sum()), plan.spread
    kind, strata = plan.kind, len(set(plan.stratum))
    lines = [
        f"{n} {kind}s: {treated} treatment, {n - treated} control, "
        f"in {strata} {'stratum' if strata == 1 else 'strata'}",
        f"history   {plan.before_days} days, {s.mean:.4g} orders a {kind} and day",
        f"spread    between {kind}s {np.sqrt(s.between):.3g}, day to day "
        f"{np.sqrt(s.within):.3g} (standard deviations; ICC {s.icc:.3f})",
        f"counted   days {plan.lag_days + 1} to {plan.days}: orders of the first "
        f"{plan.lag_days} come largely of earlier calls",
        f"read      on day {plan.days}; leads of that day have their label on day "
        f"{plan.days + plan.lag_days}",
        "",
        "smallest uplift found with 80 % power, of orders in the counted days:",
        f"{'days':>8}{'one look':>12}{'with CUPED':>12}"
        f"{f'{plan.looks} looks':>12}{'always valid':>14}",
    ]
    half, double = max(plan.days // 2, plan.lag_days + 1), 2 * plan.days
    lines += [_smallest_line(plan, days) for days in (half, plan.days, double)]
    lines.append("the last two with CUPED, read at the planned end")
    if min(treated, n - treated) < FEW:
        lines.append(f"few {kind}s: one odd {kind} can decide; more {kind}s beat more days")
    return "\n".join(lines)


def _smallest_line(plan: Plan, days: int) -> str:
    shares = tuple((np.arange(plan.looks) + 1) / plan.looks)
    looks = with_dof(spending_multipliers(shares)[-1], plan.dof)
    always = with_dof(always_valid_multiplier(1.0), plan.dof)
    found = [
        plan.smallest(days, cuped=False),
        plan.smallest(days, cuped=True),
        plan.smallest(days, cuped=True, critical=looks),
        plan.smallest(days, cuped=True, critical=always),
    ]
    widths = (12, 12, 12, 14)
    return f"{days:>8}" + "".join(
        f"{f'{x:.1%}' if np.isfinite(x) else 'none':>{w}}"
        for x, w in zip(found, widths, strict=True)
    )
