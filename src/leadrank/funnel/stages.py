"""Stage, label, lost and maturity of rows, as polars expressions over parsed columns.

All count what happened after the snapshot and within the horizon; a horizon day is 24 hours.
Maturity looks at follow-up only: dropping just the unfinished non-orders of young rows would
leave nothing but orders among them.
"""

from datetime import timedelta

import polars as pl

from leadrank.funnel.crm_keys import CrmFile, Rule, Stage


def time_of(column: str) -> str:
    """Name of the parsed time of an outcome or note column."""
    return f"time of {column}"


def value_of(column: str) -> str:
    """Name of the text form of an outcome or split column."""
    return f"value of {column}"


def number_of(column: str) -> str:
    """Name of the parsed number of an outcome column."""
    return f"number of {column}"


def holds(rule: Rule, crm: CrmFile) -> pl.Expr:
    """Whether the rule's event falls in (snapshot, snapshot + horizon]; never null."""
    if isinstance(rule, Stage) and rule.always:
        return pl.lit(True)
    if rule.reached_at is not None:
        time = pl.col(time_of(rule.reached_at))
        held = (time > pl.col("snapshot")) & _by_horizon(time, crm)
    elif rule.values is not None:
        held = pl.col(value_of(str(rule.column))).is_in(rule.values)
    else:
        held = pl.col(number_of(str(rule.column))) >= rule.at_least
    return held.fill_null(False)


def stage(crm: CrmFile) -> pl.Expr:
    """Index of the deepest stage whose rule holds, Int8; null where none holds (unknown)."""
    deepest_first = reversed(list(enumerate(crm.stages)))
    return pl.coalesce(
        pl.when(holds(rule, crm)).then(pl.lit(i, pl.Int8)) for i, rule in deepest_first
    )


def label(crm: CrmFile) -> pl.Expr:
    """1 where the final stage's rule holds, else 0, Int8."""
    return holds(crm.stages[-1], crm).cast(pl.Int8)


def label_missing(crm: CrmFile) -> pl.Expr:
    """Whether the label cannot be told: no value in the column that decides the final stage.

    A missing reached-at time is no missing label: it says that the stage was not reached.
    """
    final = crm.stages[-1]
    if final.column is None:
        return pl.lit(False)
    named = value_of if final.values is not None else number_of
    return pl.col(named(final.column)).is_null()


def lost(crm: CrmFile) -> pl.Expr:
    """Lost within the horizon and no order, Boolean; false without a lost rule."""
    if crm.lost is None:
        return pl.lit(False)
    return holds(crm.lost, crm) & ~holds(crm.stages[-1], crm)


def mature(crm: CrmFile) -> pl.Expr:
    """Whether the row was followed for its whole horizon: extract - snapshot >= horizon."""
    if crm.extract_at is None:
        return pl.lit(True)
    return pl.col("snapshot") + timedelta(days=crm.horizon_days or 0) <= crm.extract_at


def followed_days(crm: CrmFile) -> pl.Expr:
    """Days from the snapshot to the extract, Float64; null where follow-up is complete."""
    if crm.extract_at is None:
        return pl.lit(None, pl.Float64)
    return _days(pl.lit(crm.extract_at) - pl.col("snapshot"))


def order_days(crm: CrmFile) -> pl.Expr:
    """Days from the snapshot to the order, Float64; null without an order or its time."""
    column = crm.stages[-1].reached_at
    if column is None:
        return pl.lit(None, pl.Float64)
    after = _days(pl.col(time_of(column)) - pl.col("snapshot"))
    return pl.when(holds(crm.stages[-1], crm)).then(after)


def ordered_before(crm: CrmFile) -> pl.Expr:
    """Whether the order came no later than the snapshot, so that the label cannot count it."""
    column = crm.stages[-1].reached_at
    if column is None:
        return pl.lit(False)
    return (pl.col(time_of(column)) <= pl.col("snapshot")).fill_null(False)


def ordered_after(crm: CrmFile) -> pl.Expr:
    """Whether the order came after the horizon, so that the label does not count it."""
    column = crm.stages[-1].reached_at
    if column is None:
        return pl.lit(False)
    time = pl.col(time_of(column))
    return time.is_not_null() & ~_by_horizon(time, crm)


def can_be_skipped(stage: Stage) -> bool:
    """Whether the rule tells that its stage was never passed.

    Not for a column's values: such a column holds the last state, so another value does not
    tell that this one was not passed.
    """
    return stage.values is None and not stage.always


def skipped(index: int, crm: CrmFile) -> pl.Expr:
    """A deeper stage was reached, this one neither by then nor before the snapshot."""
    rule = crm.stages[index]
    passed = holds(rule, crm)
    if rule.reached_at is not None:
        passed = _by_horizon(pl.col(time_of(rule.reached_at)), crm).fill_null(False)
    deeper = pl.any_horizontal(holds(s, crm) for s in crm.stages[index + 1 :])
    return deeper & ~passed


def _days(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_microseconds() / timedelta(days=1).total_seconds() / 1e6


def _by_horizon(time: pl.Expr, crm: CrmFile) -> pl.Expr:
    if crm.horizon_days is None:
        return time.is_not_null()
    return time <= pl.col("snapshot") + timedelta(days=crm.horizon_days)
