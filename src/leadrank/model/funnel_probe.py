"""A probe that the funnel has taught as well, where its tiers help to foretell orders.

Orders are few; stages and soft signals are known of every lead. Each tier's winners and losers
*without an order* teach a score of the same inputs as the probe. Scored by models that never
saw their lead, rows get these scores as one more block of the labels' logistic regression,
unless cross-validation over the training leads is clearly better without: few orders cannot
tell, and there the tiers are needed most. A score of the same inputs is a prior mean of the
probe's weights, so what comes out is a `Probe` like any other and reads nothing new:

    weight = own + sum_t beta_t weight_t / scale_t,  beta_t > 0
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedGroupKFold

from leadrank.model.probe import (
    NUM_FOLDS,
    Array,
    Block,
    Fitted,
    Inputs,
    Probe,
    fit_blocks,
    fit_penalised,
    held_out_losses,
    lead_folds,
)

#: A tier with fewer leads on a side teaches nothing.
LEAST_LEADS = 10


class Sides(NamedTuple):
    """A tier's winners and losers among n rows."""

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
    alone: Probe,
    ngrams: csr_matrix | None = None,
    read_text: bool = True,
) -> Probe:
    """Fits the probe on labels and on what the tiers say of rows without an order.

    Args:
        sides: of each tier; rows that ordered are left out.
        alone: the probe of the same inputs on labels alone; all others as in `fit_probe`.

    At many pairs a linear score learned on differences of winners and losers orders rows as
    logistic regression of the two sides does, which is what is fitted. A tier is left out that
    has fewer than LEAST_LEADS leads on a side, or that orders would turn round: its share
    comes out at 0 or below. All are, and `alone` is given back, where the labels alone have the
    lower log loss out of fold by more than a standard error of the difference, and where there
    are too few orders for folds; `penalties.tiers` is infinite there.
    """
    if not (folds := lead_folds(label, lead)):
        return alone
    inputs = Inputs.of(text, fields, crosses, ngrams, read_text=read_text)
    without = [Sides(*(side & (label == 0) for side in tier)) for tier in sides]
    lessons = [
        lesson for tier in without if (lesson := _learn(inputs, tier, weight, lead)) is not None
    ]
    while lessons:
        given = inputs.with_tiers(np.column_stack([one.taught for one in lessons]))
        fitted = fit_blocks(given.blocks, given.choices, label, weight, lead)
        helps = [share > 0 for share in fitted.weights[-1]]
        if all(helps):
            own, taught = (
                held_out_losses(given.blocks, label, weight / weight.mean(), folds, penalties)
                for penalties in (alone.penalties, fitted.penalties)
            )
            if _clearly_lower(own, taught, lead):
                break
            return inputs.probe(_taken_in(fitted, lessons))
        lessons = [lesson for lesson, kept in zip(lessons, helps, strict=True) if kept]
    return alone


def _clearly_lower(one: NDArray[np.float64], other: NDArray[np.float64], lead: Array) -> bool:
    """Whether losses [n] sum to less than others by more than a standard error, over leads."""
    gain = np.bincount(np.unique(lead, return_inverse=True)[1], other - one)
    return bool(gain.sum() > np.sqrt(len(gain)) * gain.std())


def _learn(inputs: Inputs, sides: Sides, weight: Array, lead: Array) -> _Lesson | None:
    """One tier's score: penalties chosen and weights fitted on its rows; None: too few leads.

    Every row of the table is scored by a model that saw no row of its lead: an ordering lead's
    earlier rows are in the tier, so that a model that knows them would know the label.
    """
    if min(len(np.unique(lead[side])) for side in sides) < LEAST_LEADS:
        return None
    score = np.zeros(len(lead))
    told = sides.wins | sides.loses
    fitted = _fit_side(inputs, sides, weight, lead, np.flatnonzero(told))
    folds = StratifiedGroupKFold(NUM_FOLDS, shuffle=True, random_state=0)
    for fit, held in folds.split(lead, sides.wins, lead):
        rows = fit[told[fit]]
        side = sides.wins[rows].astype(np.float32)
        if len(np.unique(side)) < 2:
            return None
        parts = fit_penalised(
            [block[rows] for block in inputs.blocks],
            side,
            weight[rows] / weight[rows].mean(),
            fitted.penalties,
        )
        score[held] = _score([block[held] for block in inputs.blocks], *parts)
    mean, scale = float(score.mean()), float(score.std()) or 1.0
    return _Lesson(((score - mean) / scale).astype(np.float32), fitted, mean, scale)


def _fit_side(
    inputs: Inputs, sides: Sides, weight: Array, lead: Array, rows: NDArray[np.int64]
) -> Fitted:
    """Log-odds of being a winner, of the tier's rows."""
    blocks = [block[rows] for block in inputs.blocks]
    side = sides.wins[rows].astype(np.float32)
    return fit_blocks(blocks, inputs.choices, side, weight[rows], lead[rows])


def _score(blocks: list[Block], weights: list[Array], bias: float) -> NDArray[np.float64]:
    score = np.full(blocks[0].shape[0], bias)
    for block, own in zip(blocks, weights, strict=True):
        score += block @ own
    return score


def _taken_in(fitted: Fitted, lessons: list[_Lesson]) -> Fitted:
    """The weights with those of the tiers' scores in them, as far as each of these counts."""
    weights, bias = [own.astype(np.float64) for own in fitted.weights], fitted.bias
    for lesson, counts in zip(lessons, fitted.weights[-1], strict=True):
        share = float(counts) / lesson.scale
        for own, taught in zip(weights[:-1], lesson.fitted.weights[:-1], strict=True):
            own += share * taught
        bias += share * (lesson.fitted.bias - lesson.mean)
    return fitted._replace(weights=[own.astype(np.float32) for own in weights], bias=bias)
