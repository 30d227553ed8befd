"""Ranks a table of leads, new or known, with a saved model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from transformers import AutoTokenizer

from leadrank.errors import UserError
from leadrank.funnel import CrmFile, LeadTable
from leadrank.model.rows import LeadRows
from leadrank.scoring.call_list import rank_predictions
from leadrank.scoring.saved_model import SavedModel
from leadrank.scoring.score import score_rows
from leadrank.text import tokenise

KEYS = ["row_id", "lead_id", "snapshot", "group"]


def score_table(saved: SavedModel, table: LeadTable, *, dense: bool = True) -> pl.DataFrame:
    """The table's rows with score, probability, rank and rank_in_group, in the table's order.

    Raises UserError when the table has no usable row.
    """
    if table.rows.is_empty():
        raise UserError(f"{table.crm.name}: the table has no usable row to score")
    tokenizer = AutoTokenizer.from_pretrained(saved.model.encoder.base.folder)
    rows = LeadRows(table, tokenise(table, saved.template, tokenizer), saved.features)
    scores = score_rows(saved.model, rows, np.arange(len(rows)), dense=dense)
    return rank_predictions(
        table.rows.select(KEYS).with_columns(
            score=pl.Series(scores),
            probability=pl.Series(saved.calibration.probability(scores)),
        )
    )


def with_tables(crm: CrmFile, given: list[str]) -> CrmFile:
    """The CRM file reading other files: `FILE` for its only table, or `TABLE=FILE` for each.

    Raises UserError when a table is missing, unknown or given twice.
    """
    tables = dict(crm.source.tables)
    files = dict(_table_and_file(word, list(tables)) for word in given)
    problems = [f"--data: the CRM file has no table {n!r}" for n in files if n not in tables]
    problems += [f"--data: no file given for table {n!r}" for n in tables if n not in files]
    if len(files) < len(given):
        problems.append("--data: a table is given twice")
    if problems:
        raise UserError("\n".join([*problems, f"the tables are: {', '.join(tables)}"]))
    moved = replace(crm, source=replace(crm.source, tables=files))
    # `path` is no key of the file, so `replace` forgets it, and errors would not name it.
    object.__setattr__(moved, "path", crm.path)
    return moved


def _table_and_file(word: str, tables: list[str]) -> tuple[str, str]:
    name, equals, file = word.partition("=")
    if equals and (name in tables or len(tables) > 1):
        return name, str(Path(file).absolute())
    if len(tables) > 1:
        raise UserError(
            f"--data {word}: the CRM file has the tables {', '.join(tables)}; say which one "
            f"this is: --data {tables[0]}={word}"
        )
    return tables[0], str(Path(word).absolute())
