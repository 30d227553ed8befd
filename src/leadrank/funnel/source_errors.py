"""What DuckDB could not read of the source: which file, where, and what to do.

Looked into only after a failure, so nothing here costs a table that can be read.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from leadrank.errors import UserError
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.nearest import nearest

#: After these DuckDB lists its own options, which a CRM file does not have.
OPTIONS = re.compile(r"\n\n|\nThe search space used was|\nPossible fixes")
AS_UTF8 = "save it as UTF-8 (`iconv -f latin1 -t utf-8 OLD > NEW`)"
NAMED_COLUMN = re.compile(r'(?i)\bcolumn (?:named )?"([^"]+)"')


@contextmanager
def explained(
    crm: CrmFile,
    tables: dict[str, Path],
    databases: dict[str, Path],
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[None]:
    """UserError for what DuckDB cannot read; `tables`, `databases`: name -> file."""
    try:
        yield
    except duckdb.Error as error:
        for path in tables.values():
            if path.is_file() and (place := first_bad_byte(path)):
                raise UserError(f"{path}: not UTF-8 at {place}; {AS_UTF8}.") from None
        read = ", ".join(f"{name} ({path})" for name, path in (tables | databases).items())
        hint = _absent_column(str(error), connection)
        raise UserError(
            f"{crm.path}: DuckDB cannot read the source: {said(error)}\n"
            f"  its tables: {read or 'none'}{hint}"
        ) from None


def said(error: duckdb.Error) -> str:
    """DuckDB's message without its list of options."""
    return OPTIONS.split(str(error))[0].strip()


def first_bad_byte(path: Path) -> str | None:
    """`line 3, byte 21` of the first byte that is not UTF-8; None where no text can be read."""
    try:
        return _first_bad_byte(path)
    except (OSError, EOFError, zlib.error):
        return None


def _first_bad_byte(path: Path) -> str | None:
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


def _absent_column(message: str, connection: duckdb.DuckDBPyConnection) -> str:
    """That no table has the column which DuckDB names: a missing one it may call misplaced."""
    named = NAMED_COLUMN.search(message)
    if named is None:
        return ""
    columns = connection.sql("select column_name from duckdb_columns() where not internal")
    present = [column for (column,) in columns.fetchall()]
    if named[1].casefold() in (column.casefold() for column in present):
        return ""
    return f"; none has a column {named[1]!r}{nearest(named[1], present)}"
