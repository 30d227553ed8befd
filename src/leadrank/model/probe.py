"""The penalised logistic probe: the honest first rival of fine-tuning, and where it starts.

Text features outnumber the orders, fields do not, and products of two fields do again: so each
of the three blocks has a penalty of its own, chosen by cross-validation over the training leads
only. Text or products that do not help beside the fields are left out: that is an infinite
penalty. What is given up: the penalties are searched block by block, not over the whole grid,
which a fit of thousands of products would make slow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from leadrank.model.crosses import crossed

Array = NDArray[np.float32]
Folds = list[tuple[NDArray, NDArray]]
#: One L2 strength a block: fields, products of fields, text.
Penalties = tuple[float, float, float]

FIELD_PENALTIES = (1.0, 3.0, 10.0, 30.0)
CROSS_PENALTIES = (3e2, 1e3, 3e3, np.inf)
TEXT_PENALTIES = (3e2, 1e3, 3e3, 1e4, 1e5, np.inf)
NUM_FOLDS = 5
ROUNDS = 2


@dataclass(frozen=True)
class Probe:
    """A fitted probe: `score = weight . [fields, products, (text - mean) / scale] + bias`.

    `crosses` [c 2] are the columns of `fields` that are multiplied; the penalties are L2
    strengths (1 / sigma^2 of a Gaussian prior on the weights), infinite where a block is not
    used.
    """

    text_mean: Array
    text_scale: Array
    crosses: NDArray[np.int64]
    weight: Array
    bias: float
    field_penalty: float
    cross_penalty: float
    text_penalty: float

    def score(self, text: Array, fields: Array) -> Array:
        """[n] logits."""
        scaled = (text - self.text_mean) / self.text_scale
        inputs = np.hstack([fields, crossed(fields, self.crosses), scaled])
        return (inputs @ self.weight + self.bias).astype(np.float32)


def fit_probe(
    text: Array,
    fields: Array,
    crosses: NDArray[np.int64],
    label: Array,
    weight: Array,
    lead: Array,
    *,
    read_text: bool = True,
) -> Probe:
    """Fits logistic regression on fields, their products and frozen text features.

    Args:
        text: pooled features of the frozen trunk [n d]; may have no columns.
        fields: field features [n f]; may have no columns.
        crosses: which columns of `fields` to multiply [c 2]; may have no rows.
        label: 0 or 1 [n].
        weight: rows of the population that each row stands for [n].
        lead: codes of the leads [n]; a lead's rows stay in one fold.
        read_text: false leaves the text out from the start, where there are fields.

    The penalties minimise the weighted log loss over five folds. Raises ValueError when the
    labels are all the same.
    """
    if len(np.unique(label)) < 2:
        raise ValueError("a probe needs both orders and non-orders to learn from")
    mean, scale = text.mean(0), text.std(0) + 1e-6
    blocks = [fields, crossed(fields, crosses), ((text - mean) / scale).astype(np.float32)]
    # Weights that sum to n leave the penalties' meaning alone.
    weight = weight / weight.mean()
    folds = _folds(label, lead)
    penalties = _search(
        lambda tried: _fold_loss(blocks, label, weight, folds, tried),
        _choices(blocks, read_text=read_text),
    )
    coefficients, bias = _fit([b.astype(np.float64) for b in blocks], label, weight, penalties)
    return Probe(
        mean.astype(np.float32),
        scale.astype(np.float32),
        crosses,
        coefficients.astype(np.float32),
        bias,
        *penalties,
    )


def _choices(blocks: list[Array], *, read_text: bool) -> list[tuple[float, ...]]:
    """The penalties to try for each block, the most cautious last."""
    fields, products, text = (block.shape[1] > 0 for block in blocks)
    none = (np.inf,)
    texts = TEXT_PENALTIES if fields else TEXT_PENALTIES[:-1]
    return [
        FIELD_PENALTIES if fields else none,
        CROSS_PENALTIES if products else none,
        texts if text and (read_text or not fields) else none,
    ]


def _search(loss: Callable[[Penalties], float], choices: list[tuple[float, ...]]) -> Penalties:
    """The best penalty of one block after the other, from the most cautious of each, twice."""
    remembered = cache(loss)
    fields, products, text = choices
    best = (fields[-1], products[-1], text[-1])
    steps = ROUNDS * (
        [lambda now, p=p: (p, now[1], now[2]) for p in fields]
        + [lambda now, p=p: (now[0], p, now[2]) for p in products]
        + [lambda now, p=p: (now[0], now[1], p) for p in text]
    )
    for step in tqdm(steps, desc="linear probe", unit="penalty", delay=2, ncols=80):
        best = min(best, step(best), key=remembered)
    return best


def _folds(label: Array, lead: Array) -> Folds:
    folds = min(NUM_FOLDS, len(np.unique(lead)), int(label.sum()), int((1 - label).sum()))
    if folds < 2:
        return []
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    return list(splitter.split(label, label, lead))


def _fold_loss(
    blocks: list[Array], label: Array, weight: Array, folds: Folds, penalties: Penalties
) -> float:
    total = 0.0
    for fit, held in folds:
        if len(np.unique(label[fit])) < 2:
            continue
        learned = [block[fit] for block in blocks]
        coefficients, bias = _fit(learned, label[fit], weight[fit], penalties)
        score = np.hstack([block[held] for block in blocks]) @ coefficients + bias
        probability = 1 / (1 + np.exp(-score.astype(np.float64)))
        total += log_loss(
            label[held], probability, sample_weight=weight[held], normalize=False, labels=[0, 1]
        )
    return total


def _fit(
    blocks: list[Array], label: Array, weight: Array, penalties: Penalties
) -> tuple[Array, float]:
    """One penalty for scikit-learn, by scaling each block with its own: w = s v, |v|^2 / 2.

    Blocks of infinite penalty are not read at all. Without any column it is the log-odds
    alone, which scikit-learn would refuse.
    """
    used = [
        np.isfinite(penalty) and b.shape[1] > 0
        for b, penalty in zip(blocks, penalties, strict=True)
    ]
    if not any(used):
        rate = np.average(label, weights=weight)
        width = sum(block.shape[1] for block in blocks)
        return np.zeros(width, np.float32), float(np.log(rate / (1 - rate)))
    shrink = [penalty**-0.5 for penalty in penalties]
    scaled = [
        b * b.dtype.type(s) for b, s, use in zip(blocks, shrink, used, strict=True) if use
    ]
    model = LogisticRegression(C=1.0, max_iter=500, tol=1e-4)
    model.fit(np.hstack(scaled), label, sample_weight=weight)
    found = np.split(model.coef_[0], np.cumsum([b.shape[1] for b in scaled])[:-1])
    parts = iter(found)
    coefficients = [
        next(parts) * s if use else np.zeros(b.shape[1])
        for b, s, use in zip(blocks, shrink, used, strict=True)
    ]
    return np.concatenate(coefficients), float(model.intercept_[0])
