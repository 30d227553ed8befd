"""Every problem of a table at once: which row, which column, what came, what was expected.

A row with a problem is unusable and goes to quarantine; more than `max_unusable` of them stop
the run, because a broken export must not shrink a table in silence.
"""

from collections.abc import Iterator

import polars as pl

from leadrank.errors import UserError
from leadrank.funnel import stages
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.parse import number, number_columns, time_columns
from leadrank.funnel.times import utc_time

QUARANTINE = {
    "row_id": pl.Int64, "column": pl.String, "value": pl.String, "expected": pl.String,
}  # fmt: skip
SHOWN_PROBLEMS = 10
DUPLICATE = "one row per lead and snapshot"
SNAPSHOT_EXPECTED = {
    "time": "an ISO time like 2024-06-30 14:05, one that the time zone has",
    "unix": "seconds since 1970, before the year 2100 (not milliseconds)",
    "order": "a whole number",
}


def row_problems(
    raw: pl.DataFrame, parsed: pl.DataFrame, crm: CrmFile, labelled: bool
) -> pl.DataFrame:
    """All problems of the rows, by row: columns row_id, column, value, expected.

    Rows to score are newer than the extract and have no weight, so neither is asked of them.
    """
    found = [*_key_problems(raw, parsed, crm), *_cell_problems(raw, parsed, crm)]
    if labelled:
        found += _label_problems(raw, parsed, crm)
    found.append(_duplicates(raw, parsed, crm))
    listed = pl.concat([pl.DataFrame(schema=QUARANTINE), *found])
    return listed.unique(maintain_order=True).sort("row_id", maintain_order=True)


def event_problems(raw: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    """Events whose time is unreadable, as `row_problems`; the column reads `table.column`."""
    events = crm.text.events
    assert events is not None
    time = utc_time(events.at, raw.schema[events.at], crm.timezone)
    bad = raw[events.at].is_not_null() & raw.select(time.is_null()).to_series()
    column = f"{events.table}.{events.at}"
    return flagged(raw, bad, events.at, SNAPSHOT_EXPECTED["time"], column)


def flagged(
    raw: pl.DataFrame, bad: pl.Series, column: str, expected: str, shown: str | None = None
) -> pl.DataFrame:
    """One problem per row where `bad`; `shown` names the column in messages."""
    row_id = bad.fill_null(False).arg_true().cast(pl.Int64)
    value = raw[column].gather(row_id).cast(pl.String).str.slice(0, 60)
    return pl.DataFrame({"row_id": row_id, "value": value}).select(
        "row_id", pl.lit(shown or column).alias("column"), "value",
        pl.lit(expected).alias("expected"),
    )  # fmt: skip


def stop_if_too_many(problems: pl.DataFrame, rows: int, crm: CrmFile, where: str) -> None:
    """UserError with the first problems when more than `max_unusable` of the rows have one."""
    unusable = problems["row_id"].n_unique()
    if unusable <= crm.max_unusable * rows:
        return
    lines = [
        f"row {row_id}, {column}: {'nothing' if value is None else repr(value)}; "
        f"expected {expected}"
        for row_id, column, value, expected in problems.head(SHOWN_PROBLEMS).iter_rows()
    ]
    more = problems.height - len(lines)
    lines += [f"and {more:,} more"] if more else []
    head = (
        f"{crm.path}: {unusable:,} of {rows:,} rows of the {where} are unusable, more than "
        f"max_unusable ({crm.max_unusable:.2%}). Mend the table or source.query (rows count "
        "from 0 in its result):"
    )
    raise UserError("\n  ".join([head, *lines]))


def _key_problems(
    raw: pl.DataFrame, parsed: pl.DataFrame, crm: CrmFile
) -> Iterator[pl.DataFrame]:
    yield flagged(raw, parsed["lead_id"].is_null(), crm.lead_id, "a lead id")
    column = crm.snapshot.column
    yield flagged(
        raw, parsed["snapshot"].is_null(), column, SNAPSHOT_EXPECTED[crm.snapshot.kind]
    )


def _cell_problems(
    raw: pl.DataFrame, parsed: pl.DataFrame, crm: CrmFile
) -> Iterator[pl.DataFrame]:
    for column in time_columns(raw, crm):
        bad = raw[column].is_not_null() & parsed[stages.time_of(column)].is_null()
        yield flagged(raw, bad, column, SNAPSHOT_EXPECTED["time"])
    for column in number_columns(raw, crm):
        readable = raw.select(number(raw, column)).to_series()
        bad = raw[column].is_not_null() & readable.is_null()
        yield flagged(raw, bad, column, "a finite number like 1234.5")


def _label_problems(
    raw: pl.DataFrame, parsed: pl.DataFrame, crm: CrmFile
) -> Iterator[pl.DataFrame]:
    if crm.extract_at is not None:
        late = parsed["snapshot"] > crm.extract_at
        expected = f"a snapshot no later than the extract, {crm.extract}"
        yield flagged(raw, late, crm.snapshot.column, expected)
    if crm.weight is not None:
        bad = (parsed["weight"] <= 0) | raw[crm.weight].is_null()
        yield flagged(raw, bad, crm.weight, "a weight above 0")
    final = crm.stages[-1]
    if final.column is not None:
        # An open lead's label may be missing: its row is immature and never used as a label.
        missing = parsed.select(stages.label_missing(crm) & stages.mature(crm)).to_series()
        expected = f"a value, since it decides the final stage {final.name!r}"
        yield flagged(raw, missing & raw[final.column].is_null(), final.column, expected)


def _duplicates(raw: pl.DataFrame, parsed: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    key = parsed.select("lead_id", "snapshot")
    complete = key["lead_id"].is_not_null() & key["snapshot"].is_not_null()
    repeated = complete & ~key.to_struct().is_first_distinct()
    return flagged(raw, repeated, crm.lead_id, DUPLICATE)
