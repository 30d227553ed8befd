"""The source's columns parsed by what the CRM file says they are, one frame, row by row.

What cannot be parsed is null here; `validate` finds it by comparing with the raw columns.
"""

import polars as pl

from leadrank.funnel.crm_columns import outcome_rules
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.stages import number_of, time_of, value_of
from leadrank.funnel.times import unix_time, utc_time


def blank_missing(raw: pl.DataFrame, missing: tuple[str, ...]) -> pl.DataFrame:
    """`raw` with the CRM file's missing strings, and NaN, as null."""
    text, float_ = pl.selectors.string(), pl.selectors.float()
    strings = pl.when(~text.is_in(missing)).then(text)
    return raw.with_columns(strings, float_.fill_nan(None))


def number(raw: pl.DataFrame, column: str) -> pl.Expr:
    """The column as Float64; null where it is null, unreadable or not finite."""
    expr = pl.col(column)
    if raw.schema[column] == pl.String:
        expr = expr.str.strip_chars()
    value = expr.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def snapshot(raw: pl.DataFrame, crm: CrmFile) -> pl.Expr:
    """The snapshot as Datetime(us, UTC), or Int64 when it is an order."""
    column, kind = crm.snapshot.column, crm.snapshot.kind
    if kind == "time":
        return utc_time(column, raw.schema[column], crm.timezone)
    if kind == "unix":
        return unix_time(number(raw, column))
    whole = number(raw, column).cast(pl.Int64, strict=False)
    return pl.coalesce(pl.col(column).cast(pl.Int64, strict=False), whole)


def parsed_columns(raw: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    """The reserved columns known so far, the fields, and the columns that rules read."""
    exprs = {
        "row_id": pl.int_range(pl.len(), dtype=pl.Int64),
        "lead_id": pl.col(crm.lead_id).cast(pl.String),
        "snapshot": snapshot(raw, crm),
        "weight": number(raw, crm.weight) if crm.weight in raw.columns else pl.lit(1.0),
    }
    exprs |= {f.column: number(raw, f.column) for f in crm.fields.numeric}
    exprs |= {f.column: pl.col(f.column).cast(pl.String) for f in crm.fields.categorical}
    exprs |= {
        s.column: number(raw, s.column) if s.column in raw.columns else pl.lit(None, pl.Float64)
        for s in crm.soft_signals
    }
    exprs |= _rule_columns(raw, crm)
    return raw.select(expr.alias(name) for name, expr in exprs.items())


def with_group(rows: pl.DataFrame, raw: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    """`rows` with `group`, `store 12 / 2024-06-01`; null where a group column is missing."""
    if crm.group is None:
        return rows.with_columns(pl.lit(None, pl.String).alias("group"))
    parts = [
        raw.select(pl.lit(f"{column} ") + pl.col(column).cast(pl.String)).to_series()
        for column in crm.group.columns
    ]
    if crm.group.day:
        local = rows["snapshot"].dt.convert_time_zone(crm.timezone)
        parts.append(local.dt.strftime("%Y-%m-%d"))
    return rows.with_columns(pl.concat_str(parts, separator=" / ").alias("group"))


def time_columns(raw: pl.DataFrame, crm: CrmFile) -> list[str]:
    """Columns beside the snapshot that hold times: reached-at rules and notes."""
    rules = [rule.reached_at for rule, _ in outcome_rules(crm)]
    notes = [column.at for column in crm.text.columns]
    return [c for c in dict.fromkeys(rules + notes) if c is not None and c in raw.columns]


def number_columns(raw: pl.DataFrame, crm: CrmFile) -> list[str]:
    """Columns that must be numbers: numeric fields, soft signals, at-least rules, weight."""
    listed = [f.column for f in crm.fields.numeric] + [s.column for s in crm.soft_signals]
    listed += [r.column for r, _ in outcome_rules(crm) if r.at_least is not None and r.column]
    listed += [crm.weight] if crm.weight else []
    return [c for c in dict.fromkeys(listed) if c in raw.columns]


def _rule_columns(raw: pl.DataFrame, crm: CrmFile) -> dict[str, pl.Expr]:
    rules = [rule for rule, _ in outcome_rules(crm) if rule.column in raw.columns]
    exprs = {
        time_of(c): utc_time(c, raw.schema[c], crm.timezone) for c in time_columns(raw, crm)
    }
    for column in (str(rule.column) for rule in rules if rule.values is not None):
        exprs[value_of(column)] = pl.col(column).cast(pl.String)
    for column in (str(rule.column) for rule in rules if rule.at_least is not None):
        exprs[number_of(column)] = number(raw, column)
    if crm.split.by in raw.columns:
        exprs[value_of(crm.split.by)] = pl.col(crm.split.by).cast(pl.String)
    return exprs
