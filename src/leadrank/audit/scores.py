"""Scores of rows by models that never saw their lead: by orders alone, and by one tier."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]

FOLDS = 5
#: L2 strength: few features of a small table are worth more than this shrinks them.
C = 0.3


def lead_folds(lead: NDArray[np.int64], label: NDArray[np.int64], seed: int = 0) -> NDArray:
    """[n] a fold for each row: whole leads, those that order spread evenly."""
    leads, place = np.unique(lead, return_inverse=True)
    ordered = np.bincount(place, weights=label) > 0
    dealt = np.lexsort([np.random.default_rng(seed).random(len(leads)), ordered])
    fold = np.empty(len(leads), np.int64)
    fold[dealt] = np.arange(len(leads)) % FOLDS
    return fold[place]


def order_score(
    matrix: csr_matrix, label: NDArray[np.int64], fold: NDArray[np.int64]
) -> Floats:
    """[n] log-odds of an order by logistic regression on the other folds' orders."""
    return _out_of_fold(matrix, label.astype(float), np.arange(len(label)), fold)


def tier_score(
    matrix: csr_matrix,
    winner: Sequence[int] | NDArray,
    loser: Sequence[int] | NDArray,
    fold: NDArray[np.int64],
) -> Floats:
    """[n] what a tier teaches: log-odds of being a winner among winners and losers alone.

    At many pairs a linear score learned on differences of winners and losers orders rows as
    logistic regression of the two sides does.
    """
    rows = np.concatenate([np.asarray(winner), np.asarray(loser)]).astype(np.int64)
    side = np.concatenate([np.ones(len(winner)), np.zeros(len(loser))])
    return _out_of_fold(matrix, side, rows, fold)


def _out_of_fold(matrix: csr_matrix, side: Floats, rows: NDArray, fold: NDArray) -> Floats:
    score = np.zeros(matrix.shape[0])
    for held in range(FOLDS):
        fit = fold[rows] != held
        if len(np.unique(side[fit])) < 2:
            continue
        model = LogisticRegression(C=C, max_iter=300, tol=1e-3)
        model.fit(matrix[rows[fit]], side[fit])
        inside = fold == held
        # Each fold's model has a level of its own; only the order within the fold is compared.
        found = model.decision_function(matrix[inside])
        score[inside] = found - np.median(found)
    return score


def auc(score: Floats, label: NDArray) -> float:
    """The share of (order, other) pairs in which the order scores higher, ties one half."""
    orders = int(label.sum())
    others = len(label) - orders
    if not orders or not others:
        return float("nan")
    above = rankdata(score)[label == 1].sum() - orders * (orders + 1) / 2
    return float(above / (orders * others))
