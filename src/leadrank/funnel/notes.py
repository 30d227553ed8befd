"""The `text` column: what was written about a lead and known at its snapshot, newest first.

Text without a time is taken as known at the snapshot and comes first, in declared order.
A note whose time is missing cannot be shown to be early enough: it is dropped and counted.
"""

from dataclasses import dataclass

import polars as pl

from leadrank.funnel.crm_keys import CrmFile, TextColumn
from leadrank.funnel.stages import time_of
from leadrank.funnel.times import UTC_TIME, utc_time

NOTE = pl.Struct({"at": UTC_TIME, "name": pl.String, "text": pl.String})


@dataclass(frozen=True)
class NoteCounts:
    """Notes left out: (row, note) pairs late or undated, and notes of leads without a row."""

    late: int = 0
    undated: int = 0
    quarantined: int = 0
    orphan: int = 0

    def dropped(self) -> dict[str, int]:
        """{why, in words: how many}."""
        return {
            "later than the snapshot": self.late,
            "without a time": self.undated,
            "of leads in quarantine": self.quarantined,
            "of unknown leads": self.orphan,
        }


def text_column(
    rows: pl.DataFrame, raw: pl.DataFrame, events: pl.DataFrame | None, crm: CrmFile
) -> tuple[pl.Series, NoteCounts]:
    """The text of each of `rows` (row_id, lead_id, snapshot, note times) and what was left out.

    `raw`: the source's rows, indexed by row_id; `events`: the output of `parsed_events`.
    """
    key = rows.select("row_id", "lead_id", "snapshot")
    texts = raw[rows["row_id"]] if rows.height < raw.height else raw
    notes = [_column_notes(rows, texts, c, i) for i, c in enumerate(crm.text.columns)]
    quarantined = orphan = 0
    if events is not None:
        joined = events.join(key.select("row_id", "lead_id", "snapshot"), on="lead_id")
        notes.append(
            joined.select("row_id", "snapshot", "at", "name", "text", "order", "dated")
        )
        of_no_row = events.join(key, on="lead_id", how="anti")
        leads = raw[crm.lead_id].cast(pl.String).implode()
        quarantined = of_no_row.filter(pl.col("lead_id").is_in(leads)).height
        orphan = of_no_row.height - quarantined
    if not notes:
        return pl.repeat([], rows.height, dtype=pl.List(NOTE), eager=True), NoteCounts()
    listed = pl.concat(notes)
    kept, late, undated = _as_of(listed, crm)
    return _per_row(key, kept), NoteCounts(late, undated, quarantined, orphan)


def parsed_events(raw: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    """The events table as lead_id, at (UTC), name, text, order, dated; blank texts left out."""
    events = crm.text.events
    assert events is not None
    author = pl.col(events.author).cast(pl.String) if events.author else pl.lit(None, pl.String)
    parsed = raw.select(
        pl.col(events.lead_id).cast(pl.String).alias("lead_id"),
        utc_time(events.at, raw.schema[events.at], crm.timezone).alias("at"),
        author.fill_null("note").alias("name"),
        pl.col(events.text).cast(pl.String).alias("text"),
        # After the text columns, and of notes of one instant the later row first.
        (len(crm.text.columns) + pl.len() - pl.int_range(pl.len()))
        .cast(pl.Int64)
        .alias("order"),
        pl.lit(True).alias("dated"),
    )
    return parsed.filter(_has_text())


def _has_text() -> pl.Expr:
    return pl.col("text").str.contains(r"\S").fill_null(False)


def _column_notes(
    rows: pl.DataFrame, raw: pl.DataFrame, column: TextColumn, order: int
) -> pl.DataFrame:
    at = rows[time_of(column.at)] if column.at else pl.lit(None, UTC_TIME)
    notes = rows.select("row_id", "snapshot").with_columns(
        at=at,
        name=pl.lit(column.name),
        text=raw[column.column].cast(pl.String),
        order=pl.lit(order, pl.Int64),
        dated=pl.lit(column.at is not None),
    )
    return notes.filter(_has_text())


def _as_of(notes: pl.DataFrame, crm: CrmFile) -> tuple[pl.DataFrame, int, int]:
    undated = pl.col("dated") & pl.col("at").is_null()
    if crm.snapshot.kind == "order":  # then the CRM file has no note times (crm_checks)
        return notes, 0, 0
    late = (pl.col("at") > pl.col("snapshot")).fill_null(False)
    counts = notes.select(late.sum().alias("late"), undated.sum().alias("undated"))
    return notes.filter(~late & ~undated), counts["late"].item(), counts["undated"].item()


def _per_row(key: pl.DataFrame, notes: pl.DataFrame) -> pl.Series:
    newest_first = notes.sort(
        "row_id", "at", "order", descending=[False, True, False], nulls_last=False
    )
    lists = newest_first.group_by("row_id", maintain_order=True).agg(
        pl.struct("at", "name", "text").alias("text")
    )
    joined = key.select("row_id").join(lists, on="row_id", how="left", maintain_order="left")
    return joined["text"].cast(pl.List(NOTE)).fill_null(pl.Series([[]], dtype=pl.List(NOTE)))
