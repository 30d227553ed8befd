"""The source query through DuckDB into polars.

CSV columns are all read as text: a type guessed by DuckDB would turn the lead id 007 into 7.
A query runs on one thread, so that joins and groups give the same row order on every machine.
"""

import codecs
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import duckdb
import polars as pl

from leadrank.errors import UserError
from leadrank.funnel.crm_columns import row_columns, training_columns
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.nearest import nearest

# Texts of several MB must fit a line; the format "never" matches nothing, so that JSON times
# stay text and are read by `times` with the CRM file's zone.
READERS = {
    ".csv": "read_csv({path}, all_varchar=true, header=true, max_line_size=16000000, "
    "buffer_size=64000000)",
    ".json": "read_json({path}, sample_size=-1, dateformat='never', timestampformat='never', "
    "maximum_object_size=64000000)",
    ".parquet": "read_parquet({path})",
}
SUFFIXES = {".tsv": ".csv", ".jsonl": ".json", ".ndjson": ".json"}


def to_frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The relation's rows.

    The relation goes in as a plain object with an Arrow stream: polars caches the type of what
    it is given, and DuckDB 2.0 prints "leaked instance" lines at exit for its own kept alive.
    """
    return pl.DataFrame(SimpleNamespace(__arrow_c_stream__=relation.__arrow_c_stream__))


@contextmanager
def open_source(crm: CrmFile, root: str | Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with a view per source table; UserError for what is absent."""
    files = {name: _located(crm, root, path) for name, path in crm.source.tables.items()}
    with duckdb.connect() as connection, _explained(crm, list(files.values())):
        connection.execute("SET autoinstall_known_extensions=false")
        connection.execute(f"SET TimeZone={_literal(crm.timezone)}")
        if crm.source.query:
            connection.execute("SET threads=1")
        for name, file in crm.source.attach.items():
            database = _literal(str(_located(crm, root, file)))
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
    _require(crm, needed, relation.columns, "source")
    rows = to_frame(relation.project(", ".join(_quoted(c) for c in dict(needed))))
    if rows.is_empty():
        raise UserError(f"{crm.path}: the source has no rows; look at source.query.")
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
    _require(crm, needed, relation.columns, f"table {events.table!r}")
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


def _located(crm: CrmFile, root: str | Path, path: str) -> Path:
    get = f" {crm.source.get}" if crm.source.get else ""
    if not Path(root).is_dir():
        raise UserError(f"{crm.path}: the data root {root} is no folder.{get}")
    if not is_there(root, path):
        raise UserError(f"{crm.path}: there is no file {Path(root) / path}.{get}")
    return Path(root) / path


def _require(
    crm: CrmFile, needed: list[tuple[str, str]], present: list[str], where: str
) -> None:
    absent = {column: key for column, key in needed if column not in present}
    lines = [f"{key}: no column {c!r}{nearest(c, present)}" for c, key in absent.items()]
    if lines:
        raise UserError("\n  ".join([f"{crm.path}: columns missing from the {where}:", *lines]))


@contextmanager
def _explained(crm: CrmFile, files: list[Path]) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        for path in files:
            if path.is_file() and (place := _first_bad_byte(path)):
                raise UserError(f"{path}: not UTF-8 at {place}; save it as UTF-8.") from None
        said = str(error).split("\n\n")[0].strip()
        raise UserError(f"{crm.path}: DuckDB cannot read the source: {said}") from None


def _first_bad_byte(path: Path) -> str | None:
    """`line 3, byte 21` of the first byte that is not UTF-8; sought only after a failure."""
    if path.suffix == ".parquet":
        return None
    decoder, line, start = codecs.getincrementaldecoder("utf-8")(), 1, 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        at_end = False
        while not at_end:
            chunk = file.read(1 << 22)
            pending, at_end = decoder.getstate()[0], not chunk
            try:
                decoder.decode(chunk, final=at_end)
            except UnicodeDecodeError as error:
                good = (pending + chunk)[: error.start]
                return (
                    f"line {line + good.count(10)}, byte {start - len(pending) + error.start}"
                )
            line, start = line + chunk.count(10), start + len(chunk)
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
