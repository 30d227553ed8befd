"""What a model may read of each row: a sparse matrix, a code for each field, and a key."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from leadrank.funnel import CrmFile
from leadrank.model.field_features import FieldFeatures
from leadrank.text.ngrams import NGrams

BINS = 16


@dataclass(frozen=True)
class Inputs:
    """The inputs of n rows.

    Args:
        matrix: field features and n-grams of the text [n f].
        codes: {field's human name: bin or level of each row [n]}, missing is one of them.
        key: rows of equal inputs have equal keys [n].
    """

    matrix: csr_matrix
    codes: dict[str, NDArray[np.int64]]
    key: NDArray[np.int64]


def inputs_of(rows: pl.DataFrame, crm: CrmFile) -> Inputs:
    """What these rows show to a model; features are learned on them, without outcomes."""
    numeric = [field.column for field in crm.fields.numeric]
    categorical = [field.column for field in crm.fields.categorical]
    fields = FieldFeatures.fit(rows, numeric, categorical).encode(rows).numpy()
    blocks = [csr_matrix(fields)]
    if crm.has_text:
        blocks.append(NGrams.fit(rows).encode(rows))
    codes = {field.name: _bins(rows[field.column]) for field in crm.fields.numeric}
    codes |= {
        field.name: rows[field.column].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        for field in crm.fields.categorical
    }
    seen = rows.select(*numeric, *categorical, pl.col("text").hash())
    key = seen.hash_rows().rank("dense").cast(pl.Int64).to_numpy()
    return Inputs(hstack(blocks, format="csr"), codes, key)


def _bins(column: pl.Series) -> NDArray[np.int64]:
    """[n] which sixteenth of the rows a value is in; missing is one more."""
    value = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    there = value[np.isfinite(value)]
    if not len(there):
        return np.zeros(len(value), np.int64)
    edges = np.unique(np.quantile(there, np.linspace(0, 1, BINS + 1)[1:]))
    found = np.searchsorted(edges, np.nan_to_num(value))
    return np.where(np.isfinite(value), found, len(edges) + 1)
