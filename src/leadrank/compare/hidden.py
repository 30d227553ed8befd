"""The test part's outcomes, taken out of the table before any system sees it."""

import copy
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.funnel import LeadTable
from leadrank.training.data import LeadDataModule

OUTCOMES = ("label", "stage", "lost", "order_days")
#: What a data module has made of one table, and must make anew of another.
OF_THE_TABLE = ("table", "tokens", "field_features", "ngrams", "rows", "follow_up", "tiers")


def hide_test(table: LeadTable) -> LeadTable:
    """The table with null for every outcome, and for every soft signal, of its test rows.

    The fingerprint stays: prompts are made of what is not hidden.
    """
    inputs = {field.column for field in table.crm.fields.numeric}
    soft = {signal.column for signal in table.crm.soft_signals} - inputs
    test = (pl.col("part") == "test").fill_null(False)
    gone = [pl.when(~test).then(pl.col(name)).alias(name) for name in (*OUTCOMES, *soft)]
    return replace(table, rows=table.rows.with_columns(gone))


def as_test(table: LeadTable, positions: NDArray[np.int64]) -> LeadTable:
    """The table with these rows for its test part, outcomes hidden; the old one is in none."""
    part = table.rows["part"].to_numpy().astype(object)
    part[part == "test"] = None
    part[positions] = "test"
    column = pl.Series("part", part.tolist(), pl.String)
    return hide_test(replace(table, rows=table.rows.with_columns(column)))


def data_over(data: LeadDataModule, table: LeadTable) -> LeadDataModule:
    """A data module of the same settings over another table; not set up.

    Its `lost`, which tensors cannot hold null, is false where it is hidden.
    """
    other = copy.copy(data)
    other.trainer = None
    for name in OF_THE_TABLE:
        other.__dict__.pop(name, None)
    other.table = replace(table, rows=table.rows.with_columns(pl.col("lost").fill_null(False)))
    return other
