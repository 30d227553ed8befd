"""Fields as bins: quantiles of numbers, levels of categories, missing on its own.

Learned on training rows. A level that few of them hold, or none, is in one bin with missing: it
cannot be learned, and a score must exist for it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.compare.study import Study

#: A level of fewer training rows has no bin of its own.
LEAST_ROWS = 10


@dataclass(frozen=True)
class Bins:
    """One field in bins: `code` [rows] is each row's, `names` what each holds.

    The first `ordered` bins are ranges of a number, ascending; the last bin is missing or rare.
    """

    field: str
    code: NDArray[np.int64]
    names: tuple[str, ...]
    ordered: int = 0


def fit_bins(study: Study, train: NDArray[np.int64], ranges: int) -> list[Bins]:
    """Bins of all fields, numbers in at most `ranges` ranges of as many training rows each."""
    fields, rows = study.table.crm.fields, study.table.rows
    numeric = [_ranges(f.name, rows[f.column], train, ranges) for f in fields.numeric]
    return numeric + [_levels(f.name, rows[f.column], train) for f in fields.categorical]


def _ranges(name: str, column: pl.Series, train: NDArray[np.int64], ranges: int) -> Bins:
    value = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    missing = np.isnan(value)
    seen = value[train][~missing[train]]
    inner = np.linspace(0, 1, ranges + 1)[1:-1]
    # Quantiles that are values, so that a value of many rows does not split in two.
    edges = np.unique(np.quantile(seen, inner, method="higher")) if len(seen) else np.zeros(0)
    code = np.where(missing, len(edges) + 1, np.searchsorted(edges, value, side="right"))
    bounds = ["-inf", *(f"{edge:g}" for edge in edges), "inf"]
    names = [f"{low} to below {high}" for low, high in pairwise(bounds)]
    return Bins(name, code.astype(np.int64), (*names, "missing"), len(names))


def _levels(name: str, column: pl.Series, train: NDArray[np.int64]) -> Bins:
    counts = column[train].drop_nulls().value_counts()
    often = counts.filter(pl.col("count") >= LEAST_ROWS)[column.name].sort().to_list()
    codes = dict(zip(often, range(len(often)), strict=True))
    code = column.replace_strict(codes, default=len(often), return_dtype=pl.Int64)
    return Bins(name, code.to_numpy(), (*often, "missing or rare"))
