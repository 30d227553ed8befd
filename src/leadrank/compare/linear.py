"""Logistic regression with one penalty, for the rivals that are linear."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from leadrank.compare.tuning import Floats, Outcomes


def logistic(inputs: Any, known: Outcomes, strength: float) -> LogisticRegression:
    """Fitted on the training rows of `inputs` [rows columns], dense or sparse.

    `strength`: of the L2 penalty, `1 / C`.
    """
    model = LogisticRegression(C=1 / strength, max_iter=2000)
    rows = known.train
    return model.fit(inputs[rows], known.label[rows], sample_weight=known.weight[rows])


def logits(model: LogisticRegression, inputs: Any) -> Floats:
    """[rows] log-odds."""
    return np.asarray(model.decision_function(inputs), dtype=np.float64)
