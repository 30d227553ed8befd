"""The source query through DuckDB into polars.

CSV columns are all read as text: a type guessed by DuckDB would turn the lead id 007 into 7.
A query runs on one thread, so that joins and groups give the same row order on every machine.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import duckdb
import polars as pl

from leadrank.errors import UserError
from leadrank.funnel.crm_columns import row_columns, training_columns
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.nearest import nearest
from leadrank.funnel.source_errors import explained

# Texts of several MB must fit a line; the format "never" matches nothing, so that JSON times
# stay text and are read by `times` with the CRM file's zone.
READERS = {
    ".csv": "read_csv({path}, all_varchar=true, header=true, max_line_size=16000000, "
    "buffer_size=64000000)",
    ".json": "read_json({path}, sample_size=-1, dateformat='never', timestampformat='never', "
    "maximum_object_size=64000000)",
    ".parquet": "read_parquet({path})",
}
ROOT = "; say where the files lie with --root (of fit: --data.root) or $LEADRANK_DATA"
SUFFIXES = {".tsv": ".csv", ".jsonl": ".json", ".ndjson": ".json"}


def to_frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The relation's rows.

    The relation goes in as a plain object with an Arrow stream: polars caches the type of what
    it is given, and DuckDB 2.0 prints "leaked instance" lines at exit for its own kept alive.
    """
    try:
        return pl.DataFrame(SimpleNamespace(__arrow_c_stream__=relation.__arrow_c_stream__))
    except pl.exceptions.ComputeError as error:
        # What DuckDB finds late in a file reaches polars through the stream, and is its own.
        raise duckdb.Error(str(error).removeprefix("got external error: ")) from None


@contextmanager
def open_source(crm: CrmFile, root: str | Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with a view per source table; UserError for what is absent."""
    files = {name: _table_file(crm, root, path) for name, path in crm.source.tables.items()}
    databases = {name: _located(crm, root, path) for name, path in crm.source.attach.items()}
    with duckdb.connect() as connection, explained(crm, files, databases, connection):
        connection.execute("SET autoinstall_known_extensions=false")
        connection.execute(f"SET TimeZone={_literal(crm.timezone)}")
        if crm.source.query:
            connection.execute("SET threads=1")
        for name, path in databases.items():
            database = _literal(str(path))
            connection.execute(f"ATTACH {database} AS {_quoted(name)} (READ_ONLY)")
        for name, path in files.items():
            connection.execute(f"CREATE VIEW {_quoted(name)} AS SELECT * FROM {scan(path)}")
        yield connection


def read_rows(
    crm: CrmFile, source: duckdb.DuckDBPyConnection, labelled: bool
) -> tuple[pl.DataFrame, list[str]]:
    """The needed columns of the source query, and the names of all columns it has.

    Rows to score are read without the columns that only training needs: an unreadable cell
    there is no reason not to call a lead.
    """
    relation = source.sql(crm.source.query or f"FROM {_quoted(_only_table(crm))}")
    needed = row_columns(crm) + (training_columns(crm) if labelled else [])
    _require(crm, needed, relation.columns, _origin(crm))
    rows = to_frame(relation.project(", ".join(_quoted(c) for c in dict(needed))))
    if rows.is_empty():
        raise UserError(f"{crm.path}: the source has no rows; {_why_no_rows(crm, source)}.")
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    if nested:
        raise UserError(
            f"{crm.path}: these columns hold lists or structures: {', '.join(nested)}; "
            "turn them into text or numbers in source.query."
        )
    return rows, relation.columns


def read_events(crm: CrmFile, source: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The events table's declared columns, under the names that they have there."""
    events = crm.text.events
    assert events is not None
    name = events.table
    relation = source.sql(f"FROM {_quoted(name) if name in crm.source.tables else name}")
    keys = {"lead_id": events.lead_id, "at": events.at, "text": events.text}
    keys |= {"author": events.author} if events.author else {}
    needed = [(column, f"text.events.{key}") for key, column in keys.items()]
    _require(crm, needed, relation.columns, _named(crm, [name]))
    return to_frame(relation.project(", ".join(_quoted(c) for c in dict(needed))))


def scan(path: Path) -> str:
    """The DuckDB table function that reads the file; UserError for an unknown suffix."""
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    suffix = SUFFIXES.get(suffixes[-1], suffixes[-1]) if suffixes else ""
    if suffix not in READERS:
        raise UserError(
            f"{path}: expected .csv, .tsv, .parquet, .json, .jsonl or .ndjson (or .gz of it)."
        )
    return READERS[suffix].format(path=_literal(str(path)))


def is_there(root: str | Path, path: str) -> bool:
    """Whether a source's path, in which `*` stands for any name, leads to a file."""
    return (Path(root) / path).is_file() or ("*" in path and any(Path(root).glob(path)))


def _only_table(crm: CrmFile) -> str:
    events = crm.text.events
    return next(t for t in crm.source.tables if not events or t != events.table)


def _origin(crm: CrmFile) -> str:
    if not crm.source.query:
        return _named(crm, [_only_table(crm)])
    over = _named(crm, crm.source.tables | crm.source.attach)
    return f"the result of source.query{f' over {over}' if over else ''}"


def _named(crm: CrmFile, tables: Iterable[str]) -> str:
    """The tables with their files, `leads (leads.csv)`; a table of a database has none."""
    files = crm.source.tables | crm.source.attach
    return ", ".join(f"{name} ({files[name]})" if name in files else name for name in tables)


def _why_no_rows(crm: CrmFile, source: duckdb.DuckDBPyConnection) -> str:
    empty = [
        table
        for table in crm.source.tables
        if source.sql(f"FROM {_quoted(table)} LIMIT 1").fetchone() is None
    ]
    return f"there are none in {_named(crm, empty)}" if empty else "look at source.query"


def _table_file(crm: CrmFile, root: str | Path, path: str) -> Path:
    file = _located(crm, root, path)
    if file.is_file() and file.stat().st_size == 0:
        raise UserError(f"{file}: the file is empty, without even the names of columns.")
    return file


def _located(crm: CrmFile, root: str | Path, path: str) -> Path:
    get = f" {crm.source.get}" if crm.source.get else ""
    folder = Path(root).absolute()
    remedy = "" if Path(path).is_absolute() else ROOT
    if not folder.is_dir():
        raise UserError(f"{crm.path}: the data root {folder} is no folder{ROOT}.{get}")
    if not is_there(root, path):
        raise UserError(f"{crm.path}: there is no file {folder / path}{remedy}.{get}")
    return Path(root) / path


def _require(
    crm: CrmFile, needed: list[tuple[str, str]], present: list[str], where: str
) -> None:
    absent = [(column, key) for column, key in dict.fromkeys(needed) if column not in present]
    lines = [f"{key}: no column {c!r}{nearest(c, present)}" for c, key in absent]
    if lines:
        raise UserError("\n  ".join([f"{crm.path}: columns missing from {where}:", *lines]))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
