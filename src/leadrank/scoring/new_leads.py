"""Ranks a table of leads, new or known, with a saved model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from transformers import AutoTokenizer

from leadrank.errors import UserError
from leadrank.funnel import CrmFile, LeadTable
from leadrank.funnel.read import is_there
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
    if saved.wide is not None:
        rows.wide = torch.from_numpy(saved.wide.score(table.rows))
    scores = score_rows(saved.model, rows, np.arange(len(rows)), dense=dense)
    return rank_predictions(
        table.rows.select(KEYS).with_columns(
            score=pl.Series(scores),
            probability=pl.Series(saved.calibration.probability(scores)),
        )
    )


def with_tables(crm: CrmFile, given: list[str], root: Path) -> tuple[CrmFile, list[str]]:
    """The CRM file reading the given files, and `NAME: FILE` of what it reads under `root`.

    `given`: `NAME=FILE` for a table or an attached database, or `FILE` for the only table. New
    leads have no outcomes, so tables of those alone need not be given.

    Raises UserError for an unknown name, one given twice, or a file that is nowhere.
    """
    sources = crm.source.tables | crm.source.attach
    if not sources:
        raise UserError(
            f"{crm.path}: source.tables is empty, so --data cannot put a file in the place of "
            "one; name the table there and train again"
        )
    words = [_name_and_file(word, crm) for word in given]
    files = dict(words)
    left = {name: file for name, file in sources.items() if name not in files}
    problems = [
        f"--data: the CRM file has no table {name!r}" for name in files if name not in sources
    ]
    if len(files) < len(words):
        problems.append("--data: a table is given twice")
    problems += [
        f"--data: no file given for table {name!r}, and there is no {root / file}; give "
        f"{name}=FILE, where an empty file with the same columns does if it has nothing on the "
        "new leads; or say with --root where the CRM's tables are"
        for name, file in left.items()
        if not is_there(root, file)
    ]
    if problems:
        raise UserError("\n".join([*problems, f"the tables are: {', '.join(sources)}"]))
    tables, attach = (
        {name: files.get(name, file) for name, file in named.items()}
        for named in (crm.source.tables, crm.source.attach)
    )
    moved = replace(crm, source=replace(crm.source, tables=tables, attach=attach))
    # `path` is no key of the file, so `replace` forgets it, and errors would not name it.
    object.__setattr__(moved, "path", crm.path)
    return moved, [f"{name}: {root / file}" for name, file in left.items()]


def _name_and_file(word: str, crm: CrmFile) -> tuple[str, str]:
    tables, sources = list(crm.source.tables), [*crm.source.tables, *crm.source.attach]
    name, equals, file = word.partition("=")
    if equals and (name in sources or len(sources) > 1):
        return name, str(Path(file).absolute())
    if len(tables) == 1:
        return tables[0], str(Path(word).absolute())
    kind = "tables" if tables else "no tables but the attached databases"
    raise UserError(
        f"--data {word}: the CRM file has {kind} {', '.join(sources)}; say which one this is: "
        f"--data {sources[0]}={word}"
    )
