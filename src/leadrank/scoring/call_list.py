"""Who to call: ranks, grades and the list that a sales manager opens.

Leads are ranked by score, never by probability (a flat calibration would tie them). A lead with
several snapshots is on the list once, as it stands at the latest one.
"""

import unicodedata
from pathlib import Path

import polars as pl

#: A grade holds from this multiple of the base rate on; below the last one it is E.
GRADES = (("A", 4.0), ("B", 2.0), ("C", 1.0), ("D", 0.5))
LOWEST_GRADE = "E"

COLUMNS = (
    "rank",
    "rank_in_group",
    "lead_id",
    "snapshot",
    "group",
    "score",
    "probability",
    "grade",
)
#: What spreadsheets take for the start of a formula (OWASP, CSV injection).
FORMULA_START = r"^[=+\-@\t\r]"


def rank_predictions(predictions: pl.DataFrame) -> pl.DataFrame:
    """Add `rank` and `rank_in_group`, 1 = highest score, ties by row_id; keeps the row order.

    Rows without a group have rank_in_group = rank. Raises ValueError on a score that is null
    or NaN, which has no place in an order.
    """
    return _ranked(predictions, tie="row_id")


def call_list(
    predictions: pl.DataFrame, *, base_rate: float, timezone: str = "UTC"
) -> pl.DataFrame:
    """One row per lead at its latest snapshot, in the order of COLUMNS, best score first.

    predictions needs lead_id, snapshot, group, score and probability. `base_rate` is the
    weighted order rate of the population (0 to 1): a grade says how much likelier than it a
    lead is to order, see GRADES. Snapshots are told in `timezone`, the CRM's own, as its lists
    are. Ties are broken by lead_id. Raises ValueError when base_rate
    is not in (0, 1).
    """
    if not 0 < base_rate < 1:
        raise ValueError(f"base_rate must lie between 0 and 1, got {base_rate}")
    latest = predictions.sort("snapshot", descending=True, maintain_order=True).unique(
        "lead_id", keep="first", maintain_order=True
    )
    ranked = _ranked(latest, tie="lead_id").with_columns(grade=grade_of(base_rate))
    return in_zone(ranked, timezone).select(COLUMNS).sort("rank")


def in_zone(frame: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """The same instants told in a time zone, where snapshots are instants."""
    if not isinstance(frame.schema["snapshot"], pl.Datetime):
        return frame
    return frame.with_columns(pl.col("snapshot").dt.convert_time_zone(timezone))


def _ranked(predictions: pl.DataFrame, *, tie: str) -> pl.DataFrame:
    unusable = predictions.filter(pl.col("score").is_null() | pl.col("score").is_nan()).height
    if unusable:
        raise ValueError(f"{unusable} of {predictions.height} scores are null or NaN")
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return (
        predictions.drop("rank", "rank_in_group", strict=False)
        .with_row_index("__row")
        .sort("score", tie, descending=[True, False])
        .with_columns(rank=place)
        .with_columns(
            rank_in_group=pl.when(pl.col("group").is_null())
            .then("rank")
            .otherwise(place.over("group"))
        )
        .sort("__row")
        .drop("__row")
    )


def grade_of(base_rate: float) -> pl.Expr:
    """The grade of `probability`: A to E, see GRADES."""
    grade = pl.lit(LOWEST_GRADE)
    for name, multiple in reversed(GRADES):
        reached = pl.col("probability") >= multiple * base_rate
        grade = pl.when(reached).then(pl.lit(name)).otherwise(grade)
    return grade


def write_call_list(frame: pl.DataFrame, path: Path) -> None:
    """Write CSV; text that a spreadsheet would run as a formula gets a leading apostrophe."""
    text = pl.selectors.string()
    safe = pl.when(text.str.contains(FORMULA_START)).then("'" + text).otherwise(text)
    frame.with_columns(safe.name.keep()).write_csv(path)


def format_call_list(frame: pl.DataFrame, lines: int = 10) -> str:
    """The first lines of a call list as a table of at most 80 columns for a terminal."""
    head = f"{'rank':>5}  {'lead':<22}  {'snapshot':<10}  {'list':<22}  {'chance':>6}  grade"
    rows = [
        f"{row['rank']:>5}  {_fit(row['lead_id'], 22)}  {_fit(_day(row['snapshot']), 10)}  "
        f"{_fit(row['group'] or '-', 22)}  {100 * row['probability']:>5.1f}%  {row['grade']}"
        for row in frame.head(lines).iter_rows(named=True)
    ]
    return "\n".join([head, *rows])


def _day(snapshot: object) -> str:
    return snapshot.strftime("%Y-%m-%d") if hasattr(snapshot, "strftime") else str(snapshot)


def _fit(text: str, width: int) -> str:
    """Cut or pad to a width in terminal cells; control characters would move the cursor."""
    shown, used = "", 0
    printable = "".join(c if c.isprintable() else "?" for c in text)
    cells = [2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in printable]
    room = width if sum(cells) <= width else width - 1
    for character, size in zip(printable, cells, strict=True):
        if used + size > room:
            break
        shown, used = shown + character, used + size
    cut = "" if shown == printable else "…"
    return shown + cut + " " * (width - used - len(cut))
