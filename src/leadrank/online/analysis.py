"""What a test says: uplift with its intervals, and whether the arms can be compared at all."""

from dataclasses import dataclass

import numpy as np

from leadrank.errors import UserError
from leadrank.online.checks import Check, checks_of
from leadrank.online.effect import LEVEL, Effect, Floats, estimate
from leadrank.online.sequential import (
    always_valid_multiplier,
    spending_multipliers,
    with_dof,
)
from leadrank.online.unit_table import UnitTable


@dataclass(frozen=True)
class Analysis:
    """A test as it stands after `table`'s days.

    `effect` is with covariates (`adjusted_for`), `plain` without. `so_far` is
    the share of the planned days to be counted that the table has. `look` is the number of the
    last planned look, 0 before the first; `looks_multiplier` and `always_multiplier` are in
    standard errors of `effect`.
    """

    table: UnitTable
    effect: Effect
    plain: Effect
    adjusted_for: tuple[str, ...]
    planned_days: int
    so_far: float
    looks: int
    look: int
    looks_multiplier: float
    always_multiplier: float
    checks: tuple[Check, ...]
    notes: tuple[str, ...]


def analyse(
    table: UnitTable,
    *,
    planned_days: int | None = None,
    looks: int = 20,
    skip_days: int = 0,
    share: float = 0.5,
    notes: tuple[str, ...] = (),
) -> Analysis:
    """Compare the arms of a test.

    Args:
        table: with arms; `before` and `stratum` are used where they are there.
        planned_days: the test's planned length, skipped days included; None: the table's days.
        looks: how many looks were planned, equally far apart in the counted days.
        skip_days: first days whose orders are not counted.
        share: of units that were to be treated.
        notes: to be shown with the result.

    Raises:
        UserError: settings out of range, no days left, no order, too few units, or strata
            that leave no comparison.
    """
    planned = len(table.day) if planned_days is None else planned_days
    _check(len(table.day), planned, looks, skip_days, share)
    table, dropped = _on_duty(table.days(skip_days))
    if table.orders.sum() == 0:
        raise UserError("no order in the counted days: there is nothing to compare yet")
    covariates, names = covariates_of(table)
    rate, weight = rates(table)
    assert table.treated is not None
    effect = estimate(rate, table.treated, weight=weight, covariates=covariates)
    so_far = len(table.day) / (planned - skip_days)
    look = min(int(so_far * looks + 1e-9), looks)
    shares = tuple((np.arange(looks) + 1) / looks)
    spending = spending_multipliers(shares)[look - 1] if look else float("inf")
    return Analysis(
        table=table,
        effect=effect,
        plain=estimate(rate, table.treated, weight=weight),
        adjusted_for=names,
        planned_days=planned,
        so_far=so_far,
        looks=looks,
        look=look,
        looks_multiplier=with_dof(spending, effect.dof),
        always_multiplier=with_dof(always_valid_multiplier(so_far), effect.dof),
        checks=tuple(checks_of(table, share=share)),
        notes=(*notes, *table.notes, *dropped),
    )


def _check(length: int, planned: int, looks: int, skip_days: int, share: float) -> None:
    problems = []
    if skip_days < 0 or looks < 1:
        problems.append("--skip-days must be 0 or more, --looks 1 or more")
    if not 0 < share < 1:
        problems.append(f"--share {share}: expected the treated share, above 0 and below 1")
    if min(length, planned) <= skip_days:
        problems.append(
            f"the table has {length} days, {planned} were planned, {skip_days} are skipped: "
            "none is left to count"
        )
    if problems:
        raise UserError("\n".join(problems))


def rates(table: UnitTable) -> tuple[Floats, Floats]:
    """Orders per unit of exposure, and exposure: both [units]."""
    exposure = table.exposure.sum(axis=1)
    return table.orders.sum(axis=1) / exposure, exposure


def covariates_of(table: UnitTable) -> tuple[Floats | None, tuple[str, ...]]:
    """Earlier orders and strata [units covariates], with their names; None without any."""
    columns: list[np.ndarray] = []
    names: list[str] = []
    if table.before is not None and np.ptp(table.before) > 0:
        columns.append(table.before)
        names.append("earlier orders (CUPED)")
    strata = sorted(set(table.stratum or ()))
    if len(strata) > 1:
        columns += [np.array(table.stratum) == name for name in strata[1:]]
        names.append(f"{len(strata)} strata")
    return (np.stack(columns, axis=1).astype(float) if columns else None), tuple(names)


def _on_duty(table: UnitTable) -> tuple[UnitTable, tuple[str, ...]]:
    """Without units that have no exposure in the counted days."""
    on = table.exposure.sum(axis=1) > 0
    if on.all():
        return table, ()
    assert table.treated is not None
    off = [int((~on & arm).sum()) for arm in (~table.treated, table.treated)]
    note = f"left out, without exposure: {off[0]} control and {off[1]} treatment units"
    return table.units(on), (note,)


def format_analysis(result: Analysis, *, kind: str = "unit") -> str:
    """The result in at most 80 columns."""
    table, effect = result.table, result.effect
    treated = table.treated
    assert treated is not None
    counts = [(~treated).sum(), treated.sum()]
    sold = [table.orders[~treated].sum(), table.orders[treated].sum()]
    rate, exposure = rates(table)
    # Totals of units without days on duty are orders a unit, whatever the test's length.
    per = f"a {kind}" if (exposure == 1).all() else f"a {kind} and day"
    lines = [
        f"{len(table.day)} days counted of {result.planned_days} planned"
        if len(table.day) > 1
        else "one row a unit",
        f"{'':<22}{'control':>14}{'treatment':>14}",
        f"{f'{kind}s':<22}{counts[0]:>14}{counts[1]:>14}",
        f"{'orders':<22}{sold[0]:>14,.0f}{sold[1]:>14,.0f}",
        f"{f'orders {per}':<22}{rate[~treated].mean():>14.4g}{rate[treated].mean():>14.4g}",
        "",
        f"{'95 % intervals of the uplift':<30}{per:>26}{'relative':>24}",
        _interval_line("one look, at the planned end", effect, effect.multiplier()),
        _interval_line("the same, not adjusted", result.plain, result.plain.multiplier()),
        _interval_line(
            f"planned look {result.look} of {result.looks}", effect, result.looks_multiplier
        ),
        _interval_line("always valid, any look", effect, result.always_multiplier),
        "adjusted for " + (" and ".join(result.adjusted_for) or "nothing"),
        f"uplift {effect.uplift:+.4g} {per}, relative {effect.relative:+.1%}",
        _verdict(result),
        "",
        f"{'alike in both arms?':<22}{'control':>14}{'treatment':>14}{'p':>10}",
    ]
    lines += [
        f"{c.name:<22}{c.control:>14.4g}{c.treatment:>14.4g}{c.p_value:>10.3f}"
        + ("  NOT ALIKE" if c.failed else "")
        for c in result.checks
    ]
    if any(c.failed for c in result.checks):
        lines.append("the arms differ in more than the policy: find out why first")
    return "\n".join([*lines, *(f"note: {note}" for note in result.notes)])


def _interval_line(name: str, effect: Effect, multiplier: float) -> str:
    if not np.isfinite(multiplier):
        return f"{name:<30}{'not yet':>26}{'not yet':>24}"
    low, high = effect.interval(multiplier)
    share = effect.relative_interval(multiplier)
    relative = "cannot tell" if share is None else f"[{share[0]:+.1%}, {share[1]:+.1%}]"
    return f"{name:<30}{f'[{low:+.4g}, {high:+.4g}]':>26}{relative:>24}"


def _verdict(result: Analysis) -> str:
    """One sentence, by the least that the reader must have kept to for an uplift to be seen."""
    effect, finished = result.effect, result.so_far >= 1
    words = "more" if effect.uplift > 0 else "less"
    ways = [(result.always_multiplier, "whenever one looks")]
    if result.look:
        ways.append((result.looks_multiplier, f"if only {result.looks} looks were planned"))
    if finished:
        ways.append((effect.multiplier(), "if this is the one look at the planned end"))
    for multiplier, condition in ways:
        low, high = effect.interval(multiplier)
        if low > 0 or high < 0:
            return f"the treatment sells {words}, {condition}"
    if finished:
        return f"cannot tell: an uplift of 0 lies within the {LEVEL:.0%} interval"
    return f"cannot tell yet: {result.so_far:.0%} of the days to be counted are over"
