"""Times after the snapshot, in fields and in the stamps of notes that have no time column."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import polars as pl

from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.leaks_rows import SeenRows

LEAST_SHARE = 0.9
#: Unix seconds of 2000 and 2100: other numbers are no times.
FIRST_SECOND, LAST_SECOND = 946_684_800, 4_102_444_800
STAMP = r"(?m)^[^\w\n]{0,2}(\d{4}-\d{2}-\d{2})"


def later_times(seen: SeenRows) -> Iterator[Leak]:
    """Fields that hold times, some of them after the row's snapshot.

    Sure where none lies after the extract: a planned date would.
    """
    if seen.crm.snapshot.kind == "order":
        return
    fields = seen.crm.fields
    for column in (f.column for f in (*fields.numeric, *fields.categorical)):
        times = _times(seen.rows[column], seen.crm)
        if times is None:
            continue
        ahead = ((times - seen.rows["snapshot"]).dt.total_seconds() / 86_400).to_numpy()
        late = int((ahead > 0).sum())
        if late:
            planned = _after_extract(times, seen.crm)
            why = " (some after the extract, so it may be a plan)" if planned else ""
            said = (
                f"{late:,} of its {len(times) - times.null_count():,} times lie after the "
                f"row's snapshot, by up to {np.nanmax(ahead):,.0f} days{why}."
            )
            yield Leak("time", column, not planned, said)


def stamped_notes(seen: SeenRows) -> Iterator[Leak]:
    """Text columns without a time whose lines begin with dates after the snapshot."""
    if seen.crm.snapshot.kind == "order":
        return
    for column in (c for c in seen.crm.text.columns if c.at is None):
        notes = (
            seen.rows.select("row_id", "snapshot", "text")
            .explode("text")
            .filter(pl.col("text").struct.field("name") == column.name)
        )
        stamps = notes.select(
            "row_id",
            "snapshot",
            pl.col("text").struct.field("text").str.extract_all(STAMP).alias("stamp"),
        ).explode("stamp")
        day = pl.col("stamp").str.extract(r"(\d{4}-\d{2}-\d{2})").str.to_date(strict=False)
        late = stamps.filter(day > pl.col("snapshot").dt.date())
        if late.height:
            rows = late["row_id"].n_unique()
            yield Leak(
                "time",
                column.column,
                True,
                f"In {rows:,} rows lines of it begin with a date after the snapshot, e.g. "
                f"{late['stamp'][0].strip()!r}. Give the notes as `text.events`, or a time "
                "under `at`, and later ones are dropped.",
            )


def _times(values: pl.Series, crm: CrmFile) -> pl.Series | None:
    """The field as UTC times; None where it does not hold times."""
    there = values.drop_nulls()
    if there.is_empty():
        return None
    if values.dtype == pl.String:
        iso = values.str.extract(r"^(\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?)")
        found = iso.str.replace("T", " ").str.to_datetime(strict=False, time_unit="us")
        found = found.dt.replace_time_zone(
            crm.timezone, ambiguous="earliest", non_existent="null"
        )
        times = found.dt.convert_time_zone("UTC")
    else:
        seconds = values.cast(pl.Float64)
        inside = seconds.is_between(FIRST_SECOND, LAST_SECOND)
        times = (seconds.set(~inside.fill_null(False), None) * 1e6).cast(pl.Int64)
        times = times.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    share = 1 - times.null_count() / len(values)
    return times if share >= LEAST_SHARE * len(there) / len(values) else None


def _after_extract(times: pl.Series, crm: CrmFile) -> bool:
    latest = times.max()
    extract = crm.extract_at
    return extract is not None and isinstance(latest, datetime) and latest > extract
