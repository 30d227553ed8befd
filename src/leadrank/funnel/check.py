"""What `leadrank check` prints: everything worth knowing of a table before training on it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from textwrap import wrap

import polars as pl

from leadrank.funnel.lead_table import LeadTable
from leadrank.funnel.split import FEWEST, PARTS

WIDTH = 80
SHOWN_QUARANTINE = 10


def describe(table: LeadTable) -> str:
    """At most 80 columns of plain text: rows, parts, stages, missing values, what was left."""
    sections: list[Callable[[LeadTable], list[str]]] = [
        _rows, _parts, _few_orders, _stages, _fields, _soft_signals, _text, _columns,
        _quarantine,
    ]  # fmt: skip
    blocks = [section(table) for section in sections]
    lines = [line for block in blocks if block for line in [*block, ""]]
    return "\n".join(piece for line in lines for piece in _fit(line)).rstrip() + "\n"


def _fit(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return wrap(line, WIDTH, subsequent_indent=indent, drop_whitespace=True) or [""]


def _aligned(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """Lines of a name cut to 40 characters and a number or text."""
    shown = [(n if len(n) <= 40 else n[:39] + "~", v) for n, v in pairs]
    return [
        f"  {name:<40} {value:>12,}" if isinstance(value, int) else f"  {name:<40} {value}"
        for name, value in shown
    ]


def _rows(table: LeadTable) -> list[str]:
    crm, rows, report = table.crm, table.rows, table.report
    unusable = report.rows_read - rows.height
    counts: list[tuple[str, object]] = [
        ("rows read", report.rows_read),
        ("rows kept", rows.height),
        ("rows in quarantine", unusable),
        ("  of them, a lead and snapshot repeated", report.duplicates),
        ("leads", rows["lead_id"].n_unique()),
        ("lists (groups)", rows["group"].drop_nulls().n_unique()),
        ("first snapshot", _moment(rows["snapshot"].min())),
        ("last snapshot", _moment(rows["snapshot"].max())),
        ("horizon", f"{crm.horizon_days} days" if crm.horizon_days else "none"),
        ("extract", crm.extract),
        ("immature (followed for less)", int((~rows["mature"]).sum())),
        ("lost, no order", int(rows["lost"].sum())),
    ]
    if crm.group is None:
        counts = [pair for pair in counts if pair[0] != "lists (groups)"]
    return [f"{crm.name}: {crm.about}", *_aligned(counts + _orders_left_out(table))]


def _orders_left_out(table: LeadTable) -> list[tuple[str, object]]:
    """Orders that are no order of their row; many after the horizon say that it is short."""
    if table.crm.stages[-1].reached_at is None:
        return []
    return [
        ("ordered before the snapshot, not counted", table.report.ordered_before),
        ("ordered after the horizon, not counted", table.report.ordered_after),
    ]


def _moment(snapshot: object) -> str:
    time = isinstance(snapshot, datetime)
    return f"{snapshot:%Y-%m-%d %H:%M} UTC" if time else f"{snapshot!s:>12}"


def _parts(table: LeadTable) -> list[str]:
    mature = table.rows.filter("mature")
    if table.rows["label"].null_count() == table.rows.height:
        return ["parts: none, the rows were read without labels"]
    lines = ["part              rows      mature      orders      rate"]
    for part in PARTS:
        rows = table.rows.filter(pl.col("part") == part)
        followed = mature.filter(pl.col("part") == part)
        orders = int(followed["label"].sum())
        rate = f"{orders / followed.height:.2%}" if followed.height else "-"
        lines.append(
            f"  {part:<12} {rows.height:>7,} {followed.height:>11,} {orders:>11,} {rate:>9}"
        )
    split = table.report.split
    return lines + _aligned(
        [
            ("in no part: purged (horizon reaches on)", split.purged),
            ("in no part: lead is in a later part", split.lead_overlap),
        ]
    )


def _few_orders(table: LeadTable) -> list[str]:
    rows = table.rows
    if rows["label"].null_count() == rows.height:
        return []
    ordered = rows.filter(pl.col("mature") & (pl.col("label") == 1))
    found = {
        part: ordered.filter(pl.col("part") == part)["lead_id"].n_unique() for part in PARTS
    }
    few = [f"{part} {count}" for part, count in found.items() if count < FEWEST]
    if not few:
        return []
    return [
        f"Too few leads ordered: {', '.join(few)}. From fewer than {FEWEST} next to nothing is "
        "learned, and by them no model can be told from another. Give a longer history, other "
        "shares to the parts (split), or a last stage that more leads reach."
    ]


def _stages(table: LeadTable) -> list[str]:
    if table.rows["label"].null_count() == table.rows.height:
        return []
    counts = dict(table.rows.group_by("stage").len().iter_rows())
    pairs = [(name, counts.get(i, 0)) for i, name in enumerate(table.crm.stage_names)]
    lines = ["deepest stage within the horizon"]
    lines += _aligned([*pairs, ("unknown", counts.get(None, 0))])
    skipped = [(f"{name} (skipped)", n) for name, n in table.report.skipped.items()]
    return lines + _aligned(skipped)


def _fields(table: LeadTable) -> list[str]:
    crm, rows = table.crm, table.rows
    columns = [f.column for f in (*crm.fields.numeric, *crm.fields.categorical)]
    columns += [s.column for s in crm.soft_signals if s.column not in columns]
    if not columns:
        return []
    missing = rows.select(columns).null_count().to_dicts()[0]
    height = max(1, rows.height)
    return ["missing values", *_aligned((c, f"{missing[c] / height:>12.1%}") for c in columns)]


def _soft_signals(table: LeadTable) -> list[str]:
    columns = [signal.column for signal in table.crm.soft_signals]
    if not columns:
        return []
    return [
        f"soft signals: {', '.join(columns)}",
        f"  the tiers of scheme `paper` make pairs of the first, {columns[0]}",
    ]


def _text(table: LeadTable) -> list[str]:
    notes = table.report.notes
    if not table.crm.has_text:
        return ["text: none declared"]
    words = (
        table.rows.select("row_id", pl.col("text").list.eval(_words()).list.sum())
    )["text"].fill_null(0)  # fmt: skip
    return [
        "text (words between spaces, all notes of a row together)",
        *_aligned(
            [
                ("median", int(words.median() or 0)),  # type: ignore[arg-type]
                ("95 %", int(words.quantile(0.95) or 0)),
                ("longest", int(words.max() or 0)),  # type: ignore[arg-type]
                ("rows without text", int((table.rows["text"].list.len() == 0).sum())),
                *((f"notes {why}, dropped", n) for why, n in notes.dropped().items()),
            ]
        ),
    ]


def _words() -> pl.Expr:
    return pl.element().struct.field("text").str.count_matches(r"\S+")


def _columns(table: LeadTable) -> list[str]:
    report = table.report
    lists = {
        "forbidden as inputs": report.forbidden_columns,
        "forbidden, but not in the table (a typo?)": report.forbidden_absent,
        "not declared, ignored": report.ignored_columns,
    }
    return [f"{name}: {', '.join(columns)}" for name, columns in lists.items() if columns]


def _quarantine(table: LeadTable) -> list[str]:
    problems = table.report.quarantine
    if problems.is_empty():
        return []
    shown = problems.head(SHOWN_QUARANTINE).iter_rows()
    lines = [
        f"  row {row}, {column}: {value!r}; expected {e}" for row, _, column, value, e in shown
    ]
    more = problems.height - len(lines)
    return ["quarantine", *lines, *([f"  and {more:,} more"] if more else [])]
