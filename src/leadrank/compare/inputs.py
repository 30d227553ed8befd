"""Which inputs a system reads, and that the table has them."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from leadrank.compare.study import Study
from leadrank.errors import UserError


def need_fields(study: Study) -> None:
    """UserError when the CRM file lists no fields."""
    fields = study.table.crm.fields
    if not (fields.numeric or fields.categorical):
        raise UserError(
            f"{study.table.crm.path}: no fields; this system reads nothing else, so list some "
            "under `fields`"
        )


def need_text(study: Study) -> csr_matrix:
    """[rows v] words and word pairs; UserError when there is no text to learn from."""
    crm = study.table.crm
    if not crm.has_text:
        raise UserError(
            f"{crm.path}: no customer text; this system reads it, so declare some under `text`"
        )
    ngrams = study.ngrams
    if ngrams.shape[1] == 0:
        raise UserError(
            f"{crm.path}: no word of the text is used by enough training leads to be learned; "
            "give more leads or more text"
        )
    return ngrams


def beside(study: Study, more: NDArray) -> tuple[NDArray[np.float64], list[int]]:
    """LightGBM's inputs with further columns [rows k] after them, and which are categories."""
    raw, categorical = study.raw
    return np.column_stack([raw, more]), categorical
