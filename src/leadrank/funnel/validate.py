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
    "row_id": pl.Int64, "lead_id": pl.String, "column": pl.String, "value": pl.String,
    "expected": pl.String,
}  # fmt: skip
SHOWN_PROBLEMS = 10
MEND_ROWS = "Mend the table or source.query (rows count from 0 in its result)"
MEND_EVENTS = (
    "Mend the table (rows count from 0); source.query does not reach it, but text.events.table "
    "may name a view of an attached database"
)
DUPLICATE = "one row per lead and snapshot"
SNAPSHOT_EXPECTED = {
    "time": "an ISO time like 2024-06-30 14:05, one that the time zone has",
    "unix": "seconds since 1970, before the year 2100 (not milliseconds)",
    "order": "a whole number",
}


class UnusableRowsError(UserError):
    """More rows than `max_unusable` are unusable; `quarantine` has every problem of them."""

    def __init__(self, message: str, quarantine: pl.DataFrame) -> None:
        super().__init__(message)
        self.quarantine = quarantine


def checked(
    raw: pl.DataFrame,
    parsed: pl.DataFrame,
    events: pl.DataFrame | None,
    crm: CrmFile,
    labelled: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The problems of the rows and of the events; UnusableRowsError beyond `max_unusable`."""
    bad_rows = row_problems(raw, parsed, crm, labelled)
    said = [*_too_many(bad_rows, raw.height, crm, "table", MEND_ROWS)]
    bad_events = pl.DataFrame(schema=QUARANTINE)
    if events is not None:
        bad_events = event_problems(events, crm)
        said += _too_many(bad_events, events.height, crm, "events table", MEND_EVENTS)
    if said:
        raise UnusableRowsError("\n".join(said), pl.concat([bad_rows, bad_events]))
    return bad_rows, bad_events


def row_problems(
    raw: pl.DataFrame, parsed: pl.DataFrame, crm: CrmFile, labelled: bool
) -> pl.DataFrame:
    """All problems of the rows, by row: row_id, lead_id, column, value, expected.

    Rows to score are newer than the extract and have no weight, so neither is asked of them.
    """
    found = [*_key_problems(raw, parsed, crm), *_cell_problems(raw, parsed, crm)]
    if labelled:
        found += _label_problems(raw, parsed, crm)
    found.append(_duplicates(raw, parsed, crm))
    listed = pl.concat(found).unique(maintain_order=True).sort("row_id", maintain_order=True)
    return _of_leads(listed, parsed["lead_id"])


def event_problems(raw: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    """Events whose time is unreadable, as `row_problems`; the column reads `table.column`."""
    events = crm.text.events
    assert events is not None
    time = utc_time(events.at, raw.schema[events.at], crm.timezone)
    bad = raw[events.at].is_not_null() & raw.select(time.is_null()).to_series()
    column = f"{events.table}.{events.at}"
    found = flagged(raw, bad, events.at, SNAPSHOT_EXPECTED["time"], column)
    return _of_leads(found, raw[events.lead_id].cast(pl.String))


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


def _too_many(
    problems: pl.DataFrame, rows: int, crm: CrmFile, where: str, mend: str
) -> Iterator[str]:
    unusable = problems["row_id"].n_unique()
    if unusable <= crm.max_unusable * rows:
        return
    lines = [
        f"row {row_id}, {column}: {'nothing' if value is None else repr(value)}; "
        f"expected {expected}"
        for row_id, _, column, value, expected in problems.head(SHOWN_PROBLEMS).iter_rows()
    ]
    more = problems.height - len(lines)
    lines += [f"and {more:,} more"] if more else []
    head = (
        f"{crm.path}: {unusable:,} of {rows:,} rows of the {where} are unusable, more than "
        f"max_unusable ({crm.max_unusable:.2%}). {mend}:"
    )
    yield "\n  ".join([head, *lines])


def _of_leads(problems: pl.DataFrame, lead_ids: pl.Series) -> pl.DataFrame:
    """The problems with the lead of each row; null where the row names none."""
    leads = lead_ids.gather(problems["row_id"])
    return problems.with_columns(lead_id=leads).select(list(QUARANTINE))


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
