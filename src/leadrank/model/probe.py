"""The penalised logistic probe: the honest first rival of fine-tuning, and where it starts.

Fields are few beside the orders; products of two fields, the frozen trunk's vectors and n-grams
of the text are many: so each of the four blocks has a penalty of its own, chosen by
cross-validation over the training leads only. A block that does not help beside the others is
left out: that is an infinite penalty. What is given up: the penalties are searched block by
block, not over the whole grid, which a fit of thousands of products would make slow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, issparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from leadrank.model.crosses import crossed

Array = NDArray[np.float32]
Folds = list[tuple[NDArray, NDArray]]
Block = Any  # an array, or a scipy matrix, which has no types

FIELD_PENALTIES = (1.0, 3.0, 10.0, 30.0)
CROSS_PENALTIES = (3e2, 1e3, 3e3, np.inf)
TEXT_PENALTIES = (3e2, 1e3, 3e3, 1e4, np.inf)
NGRAM_PENALTIES = (0.3, 1.0, 3.0, 10.0, np.inf)
#: Of what the funnel's tiers say (`funnel_probe`); a prior of standard deviation 1.
TIER_PENALTY = 1.0
NUM_FOLDS = 5
ROUNDS = 2


class Penalties(NamedTuple):
    """L2 strength of each block (1 / sigma^2 of a Gaussian prior on its weights).

    Infinite where the block is not used.
    """

    fields: float
    products: float
    text: float
    ngrams: float
    tiers: float


class Fitted(NamedTuple):
    """Weights of each block in its own columns, the bias, and the penalties chosen."""

    weights: list[Array]
    bias: float
    penalties: Penalties


@dataclass(frozen=True)
class Probe:
    """`weight . [fields, products, (text - mean) / scale] + ngram_weight . ngrams + bias`.

    `crosses` [c 2] are the columns of `fields` that are multiplied.
    """

    text_mean: Array
    text_scale: Array
    crosses: NDArray[np.int64]
    weight: Array
    bias: float
    ngram_weight: Array
    penalties: Penalties

    @property
    def reads_text(self) -> bool:
        """Whether any text changes its score, through the vectors or the n-grams."""
        of_vectors = self.weight[len(self.weight) - len(self.text_mean) :]
        return bool(of_vectors.any() or self.ngram_weight.any())

    def score(self, text: Array, fields: Array, ngrams: csr_matrix | None = None) -> Array:
        """[n] logits."""
        scaled = (text - self.text_mean) / self.text_scale
        inputs = np.hstack([fields, crossed(fields, self.crosses), scaled])
        wide = 0.0 if ngrams is None else ngrams @ self.ngram_weight
        return (inputs @ self.weight + wide + self.bias).astype(np.float32)


def fit_probe(
    text: Array,
    fields: Array,
    crosses: NDArray[np.int64],
    label: Array,
    weight: Array,
    lead: Array,
    *,
    ngrams: csr_matrix | None = None,
    read_text: bool = True,
) -> Probe:
    """Fits logistic regression on fields, their products, frozen text vectors and n-grams.

    Args:
        text: pooled features of the frozen trunk [n d]; may have no columns.
        fields: field features [n f]; may have no columns.
        crosses: which columns of `fields` to multiply [c 2]; may have no rows.
        label: 0 or 1 [n].
        weight: rows of the population that each row stands for [n].
        lead: codes of the leads [n]; a lead's rows stay in one fold.
        ngrams: sparse n-grams of the text [n v]; None: none.
        read_text: false leaves the vectors out from the start, where there are fields.

    The penalties minimise the weighted log loss over five folds. Raises ValueError when the
    labels are all the same.
    """
    inputs = Inputs.of(text, fields, crosses, ngrams, read_text=read_text)
    return inputs.probe(fit_blocks(inputs.blocks, inputs.choices, label, weight, lead))


@dataclass(frozen=True)
class Inputs:
    """The blocks of columns that a probe reads, in the order of `Penalties`."""

    blocks: list[Block]
    choices: dict[str, tuple[float, ...]]
    text_mean: Array
    text_scale: Array
    crosses: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        text: Array,
        fields: Array,
        crosses: NDArray[np.int64],
        ngrams: csr_matrix | None,
        *,
        read_text: bool,
    ) -> "Inputs":
        """The blocks of rows [n ...]; arguments as those of `fit_probe`."""
        mean, scale = text.mean(0), text.std(0) + 1e-6
        scaled = ((text - mean) / scale).astype(np.float32)
        wide = csr_matrix((len(text), 0), dtype=np.float32) if ngrams is None else ngrams
        none = np.zeros((len(text), 0), np.float32)
        blocks: list[Block] = [fields, crossed(fields, crosses), scaled, wide, none]
        choices = _choices(blocks, read_text=read_text)
        return cls(blocks, choices, mean.astype(np.float32), scale.astype(np.float32), crosses)

    def with_tiers(self, taught: Array) -> "Inputs":
        """The same with a last block [n t] of what each tier taught."""
        choices = {**self.choices, "tiers": (TIER_PENALTY,)}
        return replace(self, blocks=[*self.blocks[:-1], taught], choices=choices)

    def probe(self, fitted: Fitted) -> Probe:
        """The probe of weights that were fitted to these blocks; those of tiers are no part."""
        *dense, ngram_weight = (c.astype(np.float32) for c in fitted.weights[:-1])
        return Probe(
            self.text_mean,
            self.text_scale,
            self.crosses,
            np.concatenate(dense),
            fitted.bias,
            ngram_weight,
            fitted.penalties,
        )


def fit_blocks(
    blocks: list[Block],
    choices: dict[str, tuple[float, ...]],
    label: Array,
    weight: Array,
    lead: Array,
) -> Fitted:
    """Weights of logistic regression, the penalties chosen by five folds over leads.

    Args:
        blocks: of columns [n ...] each, in the order of `Penalties`.
        choices: {block's name: penalties to try, the most cautious last}.
        label: 0 or 1 [n].
        weight: rows of the population that each row stands for [n].
        lead: codes of the leads [n].

    Raises ValueError when the labels are all the same.
    """
    if len(np.unique(label)) < 2:
        raise ValueError("a probe needs both orders and non-orders to learn from")
    # Weights that sum to n leave the penalties' meaning alone.
    weight, folds = weight / weight.mean(), lead_folds(label, lead)

    def loss(tried: Penalties) -> float:
        return float(held_out_losses(blocks, label, weight, folds, tried).sum())

    penalties = _search(loss, choices)
    exact = [block.astype(np.float64) for block in blocks]
    return Fitted(*fit_penalised(exact, label, weight, penalties), penalties)


def held_out_losses(
    blocks: list[Block], label: Array, weight: Array, folds: Folds, penalties: Penalties
) -> NDArray[np.float64]:
    """Weighted log loss [n] of each row, by the weights of the folds without its lead.

    0 where there are no folds, or a row's others have all the same label.
    """
    folds = [(fit, held) for fit, held in folds if len(np.unique(label[fit])) > 1]
    # Folds side by side, each on one thread: their products are too small to share.
    jobs = (delayed(_fold_losses)(blocks, label, weight, fold, penalties) for fold in folds)
    found = np.zeros(len(label))
    with threadpool_limits(1):
        each = Parallel(torch.get_num_threads(), prefer="threads")(jobs)
    for (_, held), losses in zip(folds, each, strict=True):
        found[held] = losses
    return found


def _choices(blocks: list[Block], *, read_text: bool) -> dict[str, tuple[float, ...]]:
    """The penalties to try for each block, the most cautious last."""
    fields, products, text, wide, _ = (block.shape[1] > 0 for block in blocks)
    none = (np.inf,)
    texts = TEXT_PENALTIES if fields else TEXT_PENALTIES[:-1]
    return {
        "fields": FIELD_PENALTIES if fields else none,
        "products": CROSS_PENALTIES if products else none,
        "text": texts if text and (read_text or not fields) else none,
        "ngrams": NGRAM_PENALTIES if wide else none,
        "tiers": none,
    }


def _search(
    loss: Callable[[Penalties], float],
    choices: dict[str, tuple[float, ...]],
) -> Penalties:
    """The best penalty of one block after the other, from the most cautious of each, twice."""
    remembered = cache(loss)
    best = Penalties(**{block: tried[-1] for block, tried in choices.items()})
    steps = [(block, penalty) for block, tried in choices.items() for penalty in tried]
    bar = tqdm(
        steps * ROUNDS,
        desc="linear probe",
        unit="penalty",
        delay=2,
        ncols=80,
    )
    for block, penalty in bar:
        best = min(best, best._replace(**{block: penalty}), key=remembered)
    return best


def lead_folds(label: Array, lead: Array) -> Folds:
    """(rows to fit on, rows held out) of up to five folds of whole leads, or of none."""
    folds = min(NUM_FOLDS, len(np.unique(lead)), int(label.sum()), int((1 - label).sum()))
    if folds < 2:
        return []
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    return list(splitter.split(label, label, lead))


def _fold_losses(
    blocks: list[Block],
    label: Array,
    weight: Array,
    fold: tuple[NDArray, NDArray],
    penalties: Penalties,
) -> NDArray[np.float64]:
    """Weighted log loss of each row held out."""
    fit, held = fold
    read = [np.isfinite(penalty) for penalty in penalties]
    learned, asked = (
        [block[rows if use else rows[:0]] for block, use in zip(blocks, read, strict=True)]
        for rows in fold
    )
    coefficients, bias = fit_penalised(learned, label[fit], weight[fit], penalties)
    parts = zip(asked, coefficients, read, strict=True)
    score = sum(
        (block @ own for block, own, use in parts if use), start=np.full(len(held), bias)
    )
    return weight[held] * (np.logaddexp(0, score) - label[held] * score)


def fit_penalised(
    blocks: list[Block], label: Array, weight: Array, penalties: Penalties
) -> tuple[list[Array], float]:
    """Each block's weights and the bias.

    One penalty for scikit-learn, by scaling each block with its own: w = s v, |v|^2 / 2. Blocks
    of infinite penalty are not read at all. Without any column it is the log-odds alone, which
    scikit-learn would refuse.
    """
    pairs = list(zip(blocks, penalties, strict=True))
    used = [np.isfinite(penalty) and block.shape[1] > 0 for block, penalty in pairs]
    coefficients = [np.zeros(block.shape[1], np.float32) for block in blocks]
    if not any(used):
        rate = np.average(label, weights=weight)
        return coefficients, float(np.log(rate / (1 - rate)))
    scaled = [b * b.dtype.type(p**-0.5) for (b, p), use in zip(pairs, used, strict=True) if use]
    sparse = any(issparse(block) for block in scaled)
    model = LogisticRegression(C=1.0, max_iter=500, tol=1e-4)
    inputs = hstack(scaled, format="csr") if sparse else np.hstack(scaled)
    model.fit(inputs, label, sample_weight=weight)
    found = np.split(model.coef_[0], np.cumsum([block.shape[1] for block in scaled])[:-1])
    for place, weights in zip(np.flatnonzero(used), found, strict=True):
        coefficients[place] = weights * penalties[place] ** -0.5
    return coefficients, float(model.intercept_[0])
