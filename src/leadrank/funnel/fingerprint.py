"""A table's fingerprint: the same rows and CRM file give the same one on every machine.

Own bytes rather than polars' row hash or Arrow files, whose values change with their versions.
"""

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import polars as pl

from leadrank.funnel.crm_file import crm_content
from leadrank.funnel.crm_keys import CrmFile

ROWS_AT_ONCE = 100_000


def fingerprint(crm: CrmFile, rows: pl.DataFrame) -> str:
    """sha256 over the CRM file's keys and the rows' names, types and values."""
    digest = hashlib.sha256(json.dumps(crm_content(crm), sort_keys=True).encode())
    digest.update(str(list(rows.schema.items())).encode())
    for block in rows.iter_slices(ROWS_AT_ONCE):
        for column in block.get_columns():
            for piece in _pieces(column):
                digest.update(piece)
    return digest.hexdigest()


def _pieces(column: pl.Series) -> Iterator[bytes]:
    yield column.is_null().to_numpy().tobytes()
    if isinstance(column.dtype, pl.List):
        yield column.list.len().fill_null(0).cast(pl.Int64).to_numpy().tobytes()
        yield from _pieces(column.explode(empty_as_null=False, keep_nulls=False))
    elif isinstance(column.dtype, pl.Struct):
        for field in column.struct.fields:
            yield from _pieces(column.struct.field(field))
    elif column.dtype == pl.String:
        text = column.fill_null("")
        yield text.str.len_bytes().cast(pl.Int64).to_numpy().tobytes()
        yield "".join(text.to_list()).encode()
    else:
        values = column.to_physical().fill_null(0).to_numpy()
        yield np.ascontiguousarray(values).tobytes()
