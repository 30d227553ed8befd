"""The penalised logistic probe: the honest first rival of fine-tuning, and where it starts.

Text features outnumber the orders, and fields do not, so the two blocks have penalties of their
own, chosen by cross-validation over the training leads only. Text that does not help beside the
fields is left out: that is an infinite penalty.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

Array = NDArray[np.float32]

TEXT_PENALTIES = (3e2, 1e3, 3e3, 1e4, 1e5)
FIELD_PENALTIES = (3.0, 10.0, 30.0)
NUM_FOLDS = 5


@dataclass(frozen=True)
class Probe:
    """A fitted probe: `score = weight . [(text - text_mean) / text_scale, fields] + bias`.

    `text_penalty` and `field_penalty` are the chosen L2 strengths (1 / sigma^2 of a Gaussian
    prior on the weights), infinite where the block is not used.
    """

    text_mean: Array
    text_scale: Array
    weight: Array
    bias: float
    text_penalty: float
    field_penalty: float

    def score(self, text: Array, fields: Array) -> Array:
        """[n] logits."""
        inputs = np.hstack([(text - self.text_mean) / self.text_scale, fields])
        return (inputs @ self.weight + self.bias).astype(np.float32)


def fit_probe(text: Array, fields: Array, label: Array, weight: Array, lead: Array) -> Probe:
    """Fits logistic regression on frozen text features [n d] and field features [n f].

    Args:
        text: pooled features of the frozen trunk; may have no columns.
        fields: field features; may have no columns.
        label: 0 or 1.
        weight: rows of the population that each row stands for.
        lead: codes of the leads; a lead's rows stay in one fold.

    The penalties minimise the weighted log loss over five folds. Raises ValueError when the
    labels are all the same.
    """
    if len(np.unique(label)) < 2:
        raise ValueError("a probe needs both orders and non-orders to learn from")
    mean, scale = text.mean(0), text.std(0) + 1e-6
    scaled = ((text - mean) / scale).astype(np.float64)
    # Weights that sum to n leave the penalties' meaning alone.
    weight = weight / weight.mean()
    grid = [
        (t, f)
        for t in _choices(text, TEXT_PENALTIES, instead=fields.shape[1] > 0)
        for f in _choices(fields, FIELD_PENALTIES, instead=False)
    ]
    folds = _folds(label, lead)
    tried = tqdm(grid, desc="linear probe", unit="penalty", delay=2, ncols=80)
    losses = [_fold_loss(scaled, fields, label, weight, folds, *penalty) for penalty in tried]
    text_penalty, field_penalty = grid[int(np.argmin(losses))]
    coefficients, bias = _fit(scaled, fields, label, weight, text_penalty, field_penalty)
    return Probe(
        mean.astype(np.float32),
        scale.astype(np.float32),
        coefficients.astype(np.float32),
        bias,
        text_penalty,
        field_penalty,
    )


def _choices(block: Array, penalties: tuple[float, ...], *, instead: bool) -> tuple[float, ...]:
    """The penalties to try: infinite, that is without the block, where others can stand in."""
    if not block.shape[1]:
        return (np.inf,)
    return (*penalties, np.inf) if instead else penalties


def _folds(label: Array, lead: Array) -> list[tuple[NDArray, NDArray]]:
    folds = min(NUM_FOLDS, len(np.unique(lead)), int(label.sum()), int((1 - label).sum()))
    if folds < 2:
        return []
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    return list(splitter.split(label, label, lead))


def _fold_loss(
    text: Array,
    fields: Array,
    label: Array,
    weight: Array,
    folds: list[tuple[NDArray, NDArray]],
    text_penalty: float,
    field_penalty: float,
) -> float:
    total = 0.0
    for fit, held in folds:
        if len(np.unique(label[fit])) < 2:
            continue
        coefficients, bias = _fit(
            text[fit], fields[fit], label[fit], weight[fit], text_penalty, field_penalty
        )
        score = np.hstack([text[held], fields[held]]) @ coefficients + bias
        probability = 1 / (1 + np.exp(-score))
        total += log_loss(
            label[held], probability, sample_weight=weight[held], normalize=False, labels=[0, 1]
        )
    return total


def _fit(
    text: Array,
    fields: Array,
    label: Array,
    weight: Array,
    text_penalty: float,
    field_penalty: float,
) -> tuple[Array, float]:
    """One penalty for scikit-learn, by scaling each block with its own: w = s v, |v|^2 / 2.

    Without any column it is the log-odds alone, which scikit-learn would refuse.
    """
    if text.shape[1] + fields.shape[1] == 0:
        rate = np.average(label, weights=weight)
        return np.zeros(0, np.float32), float(np.log(rate / (1 - rate)))
    blocks = ((text.shape[1], text_penalty), (fields.shape[1], field_penalty))
    shrink = np.concatenate([np.full(n, p**-0.5) for n, p in blocks])
    model = LogisticRegression(C=1.0, max_iter=500, tol=1e-4)
    model.fit(np.hstack([text, fields]) * shrink, label, sample_weight=weight)
    return model.coef_[0] * shrink, float(model.intercept_[0])
