"""Scores of training rows by models that never saw their lead, for a second model to read."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from leadrank.compare.study import Study
from leadrank.errors import UserError

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
FOLDS = 5


def out_of_fold(study: Study, whole: Floats, fit: Callable[[Study], Floats]) -> Floats:
    """Scores [rows]; of a training row by a fit on the other folds' leads, else `whole`.

    Each fold is the test part of a study of its own, so its outcomes are hidden from the fit
    that scores it. Logits of different fits have each a level of their own; all are moved to
    that of the whole fit on the validation rows, which every fit scores. Raises UserError when
    there are too few training leads of either outcome for two folds.

    Args:
        study: its training rows are cut into folds.
        whole: scores [rows] of the fit on all of train; validation and test are read.
        fit: gives scores [rows] of a study's validation and test part.
    """
    found, validation = whole.copy(), study.positions("validation")
    level = whole[validation].mean()
    bar = tqdm(list(lead_folds(study)), desc="out of fold", unit="fold", delay=2, ncols=80)
    for rows in bar:
        score = fit(study.with_test(rows))
        found[rows] = score[rows] + level - score[validation].mean()
    return found


def lead_folds(study: Study) -> Iterator[Positions]:
    """The training rows in up to FOLDS parts, each lead's rows in one, orders spread evenly."""
    train = study.positions("train")
    rows = study.table.rows[train.tolist()]
    label = rows["label"].to_numpy()
    lead = (rows["lead_id"].rank("dense").cast(pl.Int64) - 1).to_numpy()
    leads = min(len(np.unique(lead[label == value])) for value in (0, 1))
    folds = min(FOLDS, leads)
    if folds < 2:
        raise UserError(
            f"out-of-fold scores: {leads} training leads have the rarer outcome, expected 2 or "
            "more; give the training part more rows"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for _, held in splitter.split(label, label, lead):
        yield train[held]
