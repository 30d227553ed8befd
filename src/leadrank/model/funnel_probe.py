"""A probe that the funnel has taught as well, where its tiers help to foretell orders.

Orders are few; stages and soft signals are known of every lead. Each tier's pairs *without an
order* teach a score of the same inputs as the probe. Out of fold, these scores are one more
block of the labels' logistic regression, with a penalty of its own that may be infinite: so a
tier counts as far as cross-validation over the training orders says, and not at all where it
misleads. A score of the same inputs is a prior mean of the probe's weights, so what comes out
is a `Probe` like any other and reads nothing new:

    weight = own + sum_t beta_t weight_t / scale_t
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from leadrank.model.probe import (
    Array,
    Block,
    Fitted,
    Inputs,
    Penalties,
    Probe,
    fit_blocks,
    fit_penalised,
    lead_folds,
)

#: Fewer winners or losers than this teach nothing.
LEAST_ROWS = 10


class Sides(NamedTuple):
    """A tier's winners and losers among n rows, without those that ordered."""

    wins: NDArray[np.bool_]
    loses: NDArray[np.bool_]


class _Lesson(NamedTuple):
    """What a tier taught: its score out of fold [n], standardised, and how it was scaled."""

    taught: Array
    fitted: Fitted
    mean: float
    scale: float


def fit_funnel_probe(
    text: Array,
    fields: Array,
    crosses: NDArray[np.int64],
    label: Array,
    weight: Array,
    lead: Array,
    *,
    sides: Sequence[Sides],
    near: Penalties,
    ngrams: csr_matrix | None = None,
    read_text: bool = True,
) -> Probe:
    """Fits the probe on labels and on what the tiers' pairs without an order say.

    Args:
        text: pooled features of the frozen trunk [n d]; may have no columns.
        fields: field features [n f]; may have no columns.
        crosses: which columns of `fields` to multiply [c 2]; may have no rows.
        label: 0 or 1 [n].
        weight: rows of the population that each row stands for [n].
        lead: codes of the leads [n]; a lead's rows stay in one fold.
        sides: of each tier; rows that ordered are left out.
        near: the penalties of the labels' own probe, where the search begins.
        ngrams: sparse n-grams of the text [n v]; None: none.
        read_text: false leaves the vectors out from the start, where there are fields.

    At many pairs a linear score learned on differences of winners and losers orders rows as
    logistic regression of the two sides does, which is what is fitted. Tiers with fewer than
    LEAST_ROWS winners or losers are left out. Raises ValueError when the labels are all the
    same.
    """
    inputs = Inputs.of(text, fields, crosses, ngrams, read_text=read_text)
    lessons = [
        _learn(inputs, one, weight, lead, near)
        for one in (Sides(*(side & (label == 0) for side in tier)) for tier in sides)
        if min(one.wins.sum(), one.loses.sum()) >= LEAST_ROWS
    ]
    if lessons:
        inputs = inputs.with_tiers(np.column_stack([lesson.taught for lesson in lessons]))
    fitted = fit_blocks(inputs.blocks, inputs.choices, label, weight, lead, near)
    return inputs.probe(_taken_in(fitted, lessons))


def _learn(
    inputs: Inputs, sides: Sides, weight: Array, lead: Array, near: Penalties
) -> _Lesson:
    """One tier's score: penalties chosen and weights fitted on its rows, and out of fold."""
    rows = np.flatnonzero(sides.wins | sides.loses)
    side, own = sides.wins[rows].astype(np.float32), weight[rows]
    blocks = [block[rows] for block in inputs.blocks]
    fitted = fit_blocks(blocks, inputs.choices, side, own, lead[rows], near)
    score = _score(inputs.blocks, fitted.weights, fitted.bias)
    for fit, held in lead_folds(side, lead[rows]):
        learned = [block[fit] for block in blocks]
        parts = fit_penalised(learned, side[fit], own[fit] / own.mean(), fitted.penalties)
        score[rows[held]] = _score([block[held] for block in blocks], *parts)
    mean, scale = float(score.mean()), float(score.std()) or 1.0
    return _Lesson(((score - mean) / scale).astype(np.float32), fitted, mean, scale)


def _score(blocks: list[Block], weights: list[Array], bias: float) -> NDArray[np.float64]:
    parts = zip(blocks, weights, strict=True)
    return np.asarray(sum((block @ own for block, own in parts), start=np.float64(bias)))


def _taken_in(fitted: Fitted, lessons: list[_Lesson]) -> Fitted:
    """The weights with those of the tiers' scores in them, as far as each of these counts."""
    weights, bias = [own.astype(np.float64) for own in fitted.weights], fitted.bias
    for lesson, counts in zip(lessons, fitted.weights[-1], strict=True):
        share = float(counts) / lesson.scale
        for own, taught in zip(weights[:-1], lesson.fitted.weights[:-1], strict=True):
            own += share * taught
        bias += share * (lesson.fitted.bias - lesson.mean)
    return Fitted(weights, bias, fitted.penalties)
