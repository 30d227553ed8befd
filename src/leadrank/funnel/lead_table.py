"""The lead table: one row per (lead, snapshot), the only shape the floors above read."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from leadrank.errors import UserError
from leadrank.funnel import stages
from leadrank.funnel.crm_columns import RESERVED, row_columns, training_columns
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.fingerprint import fingerprint
from leadrank.funnel.notes import NoteCounts, parsed_events, text_column
from leadrank.funnel.parse import blank_missing, parsed_columns, with_group
from leadrank.funnel.read import open_source, read_events, read_rows
from leadrank.funnel.split import PARTS, SplitCounts, assign_parts
from leadrank.funnel.validate import DUPLICATE, checked


@dataclass(frozen=True)
class TableReport:
    """What reading a table left out or met, counted; the rest can be seen in its rows.

    `quarantine` has a line per problem: row_id, lead_id, column, value, expected (for events:
    the row of the events table, and `table.column`). `skipped`: per stage, rows that reached
    a deeper stage but not this one; stages whose rule cannot tell are absent. `ordered_before`
    (the snapshot) and `ordered_after` (the horizon) are orders that the label does not count.
    """

    rows_read: int
    quarantine: pl.DataFrame
    duplicates: int
    notes: NoteCounts
    split: SplitCounts
    skipped: dict[str, int]
    ordered_before: int
    ordered_after: int
    ignored_columns: tuple[str, ...]
    forbidden_columns: tuple[str, ...]
    forbidden_absent: tuple[str, ...]


@dataclass(frozen=True)
class LeadTable:
    """The rows of a CRM (`docs/architecture.md` lists the columns) and how they were read."""

    crm: CrmFile
    rows: pl.DataFrame
    report: TableReport
    fingerprint: str

    def part(self, name: str) -> pl.DataFrame:
        """The rows of `train`, `validation` or `test`; UserError when there are none."""
        if name not in PARTS:
            raise UserError(f"There is no part {name!r}; the parts are {', '.join(PARTS)}.")
        rows = self.rows.filter(pl.col("part") == name)
        if rows.is_empty():
            raise UserError(
                f"{self.crm.path}: the {name} part has no rows: of {self.rows.height:,} usable "
                f"rows {self.rows['mature'].sum():,} are mature (followed for "
                f"{self.crm.horizon_days} days by {self.crm.extract}), "
                f"{self.report.split.purged:,} were purged and "
                f"{self.report.split.lead_overlap:,} are of leads in a later part. Give more "
                "rows, a later extract, a shorter horizon or other shares under `split`."
            )
        return rows


def read_lead_table(crm: CrmFile, root: str | Path, labelled: bool = True) -> LeadTable:
    """Read, check, label and part the table that `crm` describes, files relative to `root`.

    With `labelled=False` (rows to score) the columns that only training needs are not read and
    may be absent: stage, label, part, soft signals and days are null, mature is false, weight
    is 1, and a snapshot may be later than the extract. Raises UserError for absent files or
    columns, and for more unusable rows than `max_unusable`.
    """
    with open_source(crm, root) as source:
        raw, present = read_rows(crm, source, labelled)
        events = (
            blank_missing(read_events(crm, source), crm.missing) if crm.text.events else None
        )
    raw = blank_missing(raw, crm.missing)
    parsed = with_group(parsed_columns(raw, crm), raw, crm)
    bad_rows, bad_events = checked(raw, parsed, events, crm, labelled)
    rows = parsed.filter(~pl.col("row_id").is_in(bad_rows["row_id"].implode()))
    usable = None if events is None else _usable_events(events, bad_events, crm)
    text, notes = text_column(rows, raw, usable, crm)
    rows = rows.with_columns(text.alias("text"), *_outcomes(crm, labelled))
    part, split = assign_parts(rows, crm, labelled)
    report = TableReport(
        rows_read=raw.height,
        quarantine=pl.concat([bad_rows, bad_events]),
        duplicates=bad_rows.filter(pl.col("expected") == DUPLICATE).height,
        notes=notes,
        split=split,
        skipped=_skipped(rows, crm) if labelled else {},
        ordered_before=_count(rows, stages.ordered_before(crm)) if labelled else 0,
        ordered_after=_count(rows, stages.ordered_after(crm)) if labelled else 0,
        ignored_columns=_ignored(crm, present),
        forbidden_columns=tuple(c for c in crm.forbidden if c in present),
        # Rows to score have no outcome columns, so their absence says nothing there.
        forbidden_absent=tuple(c for c in crm.forbidden if labelled and c not in present),
    )
    rows = rows.with_columns(part.alias("part")).select(_table_columns(crm))
    return LeadTable(crm, rows, report, fingerprint(crm, rows))


def _usable_events(events: pl.DataFrame, problems: pl.DataFrame, crm: CrmFile) -> pl.DataFrame:
    usable = ~pl.int_range(pl.len()).is_in(problems["row_id"].implode())
    return parsed_events(events.filter(usable), crm)


def _outcomes(crm: CrmFile, labelled: bool) -> list[pl.Expr]:
    if labelled:
        rules = (
            *(stages.stage, stages.label, stages.lost, stages.mature),
            *(stages.followed_days, stages.order_days),
        )
        return [rule(crm).alias(rule.__name__) for rule in rules]
    unknown = {"stage": pl.Int8, "label": pl.Int8, "followed_days": pl.Float64}
    unknown |= {"order_days": pl.Float64}
    no = [pl.lit(False).alias(name) for name in ("lost", "mature")]
    return no + [pl.lit(None, kind).alias(name) for name, kind in unknown.items()]


def _skipped(rows: pl.DataFrame, crm: CrmFile) -> dict[str, int]:
    told = [i for i in range(len(crm.stages) - 1) if stages.can_be_skipped(crm.stages[i])]
    counts = rows.select(stages.skipped(i, crm).sum().alias(crm.stages[i].name) for i in told)
    return counts.to_dicts()[0] if told else {}


def _count(rows: pl.DataFrame, held: pl.Expr) -> int:
    return int(rows.select(held.sum()).item())


def _ignored(crm: CrmFile, present: list[str]) -> tuple[str, ...]:
    declared = {column for column, _ in row_columns(crm) + training_columns(crm)}
    return tuple(c for c in present if c not in declared and c not in crm.forbidden)


def _table_columns(crm: CrmFile) -> list[str]:
    fields = [f.column for f in (*crm.fields.numeric, *crm.fields.categorical)]
    soft = [s.column for s in crm.soft_signals]
    reserved = [name for name in RESERVED if name != "text"]
    return list(dict.fromkeys([*reserved, *fields, *soft, "text"]))
