"""A first CRM file for a table, for a person to correct: every guess in it is marked.

The guesses look at names and at a sample of the values, and nobody should train on them
unseen; so the draft says `confirmed: false`, which `load_crm_file` refuses.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from leadrank.errors import UserError
from leadrank.funnel.crm_columns import PLACEHOLDER, RESERVED
from leadrank.funnel.read import scan, to_frame
from leadrank.funnel.source_errors import AS_UTF8, first_bad_byte, said
from leadrank.funnel.times import LATEST_UNIX_SECOND, utc_time

SAMPLE_ROWS = 20_000
LABEL_NAMES = r"(?i)convert|label|order|won|lock|deal|target|outcome|purchas|success|receiv"
ID_NAMES = r"(?i)(^|[_ ])(id|uuid|key|number|no)$|id$"
TIME_NAMES = r"(?i)creat|snapshot|date|time|_dt$"
UNIX_SECONDS = (946_684_800, LATEST_UNIX_SECOND)  # from the year 2000
POSITIVE = ("1", "1.0", "true", "True", "yes", "Yes", "Y", "won", "converted")
MOST_CATEGORIES = 50
FEWEST_WORDS_OF_TEXT = 4


@dataclass(frozen=True)
class _Look:
    """What a sample of one column looks like."""

    name: str
    distinct: int
    missing: float
    numeric: bool
    time: bool
    unix: bool
    words: float
    values: tuple[str, ...]


def draft_crm_file(path: str | Path) -> str:
    """Commented YAML for the table at `path`, each guess marked; UserError if unreadable."""
    path = Path(path)
    sample = _sample(path)
    looks = [_look(sample, name) for name in sample.columns]
    key = _first(looks, ID_NAMES, lambda k: k.distinct == sample.height and not k.time)
    time = _first(looks, TIME_NAMES, lambda k: k.time or (k.unix and k is not key))
    label = _first(looks, LABEL_NAMES, lambda k: k.distinct == 2 and _yes(k) is not None)
    rest = [k for k in looks if k not in (key, time, label)]
    head = _head(path, key, time)
    return "\n".join([*head, *_stages(label), *_inputs(rest), *_known_later(rest, label), ""])


def _sample(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise UserError(f"There is no file {path} to draft a CRM file for.")
    try:
        with duckdb.connect() as connection:
            rows = to_frame(connection.sql(f"FROM {scan(path)} LIMIT {SAMPLE_ROWS}"))
    except duckdb.Error as error:
        if place := first_bad_byte(path):
            raise UserError(f"{path}: not UTF-8 at {place}; {AS_UTF8}.") from None
        raise UserError(f"{path}: DuckDB cannot read the table: {said(error)}") from None
    if rows.is_empty():
        raise UserError(f"{path}: the table has no rows to guess from.")
    return rows.select(~pl.selectors.nested())


def _look(sample: pl.DataFrame, name: str) -> _Look:
    text = sample[name].cast(pl.String)
    filled = text.filter(text.is_not_null() & (text != ""))
    number = filled.cast(pl.Float64, strict=False)
    time = sample.lazy().select(utc_time(name, sample.schema[name], "UTC")).collect()
    common = filled.value_counts(sort=True, name="n").head(4)[name].to_list()
    return _Look(
        name=name,
        distinct=filled.n_unique(),
        missing=1 - filled.len() / sample.height,
        numeric=filled.len() > 0 and number.null_count() == 0,
        time=filled.len() > 0 and time.to_series().drop_nulls().len() == filled.len(),
        unix=bool(number.is_between(*UNIX_SECONDS).all()) and number.null_count() == 0,
        words=float(filled.str.count_matches(r"\S+").mean() or 0),  # type: ignore[arg-type]
        values=tuple(common),
    )


def _first(looks: list[_Look], names: str, fits: Callable[[_Look], bool]) -> _Look | None:
    """The first fitting column whose name fits too, else the first fitting one."""
    fitting = [k for k in looks if fits(k)]
    named = [k for k in fitting if re.search(names, k.name)]
    return next(iter(named + fitting), None)


def _q(text: str) -> str:
    """A YAML scalar: JSON strings are YAML, whatever the column is called."""
    return json.dumps(text, ensure_ascii=False)


def _head(path: Path, key: _Look | None, time: _Look | None) -> list[str]:
    lead_id = _q(key.name if key else PLACEHOLDER)
    snapshot = _q(time.name if time else PLACEHOLDER)
    kind = "unix" if time and time.unix else "time"
    return [
        f"# Drafted from {path.name} by `leadrank init`. Check every line marked GUESS, then",
        "# set `confirmed: true`; docs/data.md explains the keys.",
        "confirmed: false",
        f"name: {_q(path.name.split('.')[0])}",
        f"about: {_q('leads of ' + path.name)}",
        "source:",
        f"  tables: {{leads: {_q(path.name)}}}  # relative to the data root",
        "timezone: UTC  # GUESS: the zone of times that name none",
        f"lead_id: {lead_id}  # GUESS: one value per lead",
        f"snapshot: {{column: {snapshot}, kind: {kind}}}"
        "  # GUESS: when the inputs of a row were known",
        "horizon_days: null  # GUESS: days after the snapshot in which an order counts",
        "extract: final  # GUESS: the outcome is final for every row; else the export's date",
    ]


def _stages(label: _Look | None) -> list[str]:
    column = label.name if label else PLACEHOLDER
    positive = (label and _yes(label)) or "1"
    return [
        "stages:  # shallow first; add what lies between, e.g. a call or a test drive",
        "  - {name: lead, always: true}",
        f"  - {{name: order, column: {_q(column)}, values: [{_q(positive)}]}}"
        "  # GUESS: the outcome",
        'missing: ["", "NA", "N/A", "null"]  # GUESS: strings that mean "missing"',
    ]


def _yes(look: _Look) -> str | None:
    return next((value for value in look.values if value in POSITIVE), None)


def _kind(look: _Look) -> str:
    if look.distinct < 2:
        return "one value only"
    if look.time or look.unix or re.search(LABEL_NAMES, look.name):
        return "known later"
    if look.name in RESERVED:
        return "a name that the lead table uses; rename it in source.query"
    if look.numeric:
        return "numeric"
    if look.words >= FEWEST_WORDS_OF_TEXT:
        return "text"
    return "categorical" if look.distinct <= MOST_CATEGORIES else "too many values"


def _inputs(looks: list[_Look]) -> list[str]:
    kinds = {k.name: _kind(k) for k in looks}
    seen = {
        k.name: f"{k.missing:.0%} missing, e.g. {_q(k.values[0][:30])}"
        for k in looks
        if k.values
    }
    lines = ["fields:  # inputs: only what was known at the snapshot"]
    for kind in ("numeric", "categorical"):
        names = [name for name, k in kinds.items() if k == kind]
        lines += [f"  {kind}:{'' if names else ' []'}"]
        lines += [
            f"    - {{column: {_q(n)}, name: {_q(n.replace('_', ' '))}}}  # GUESS: {seen[n]}"
            for n in names
        ]
    texts = [name for name, kind in kinds.items() if kind == "text"]
    lines += ["text:", f"  columns:{'' if texts else ' []'}"]
    lines += [f"    - {{column: {_q(n)}, name: {_q(n)}}}  # GUESS: free text" for n in texts]
    known = ("numeric", "categorical", "text", "known later")
    left = [(name, kind) for name, kind in kinds.items() if kind not in known]
    return lines + [f"# GUESS, left out: {_q(name)} ({kind})" for name, kind in left]


def _known_later(looks: list[_Look], label: _Look | None) -> list[str]:
    later = ([label.name] if label else []) + [
        k.name for k in looks if _kind(k) == "known later"
    ]
    return [
        f"forbidden:{'' if later else ' []'}  # known only after the snapshot, never inputs",
        *(f"  - {_q(name)}  # GUESS" for name in later),
        "split: {kind: time, test: 0.3, validation: 0.15, lead_disjoint: true}",
    ]
