"""A scorecard: integer points for each range or level of each field, added up.

The classic of credit scoring (Siddiqi 2006): quantile bins, weights of evidence, made monotone
along each numeric field, a logistic regression on them, and its terms rounded to points of
which 20 double the odds. Missing is a bin of its own. optbinning would find better bins, and
brings a solver and a dozen packages for it.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from leadrank.compare.bins import Bins, fit_bins
from leadrank.compare.inputs import need_fields
from leadrank.compare.linear import logistic
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.tuning import Configuration, Floats, Outcomes, outcomes, tuned

CONFIGURATIONS = [
    {"bins": bins, "strength": strength}
    for bins, strength in product((5, 10), (0.1, 1.0, 10.0, 100.0))
]
#: Points that a doubling of the odds is worth.
DOUBLING = 20
POINTS = DOUBLING / np.log(2)
#: Rows imagined in each bin, ordered as often as all are: an empty bin is worth nothing.
IMAGINED = 1.0


@dataclass(frozen=True)
class Card:
    """Points of each bin of each field, and the points that every lead starts with."""

    bins: list[Bins]
    points: list[NDArray[np.int64]]
    start: int

    def score(self) -> Floats:
        """[rows] logits: the points added up, on the scale of log-odds."""
        added = sum(
            (p[b.code] for b, p in zip(self.bins, self.points, strict=True)), self.start
        )
        return np.asarray(added / POINTS, dtype=np.float64)


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds in steps of a point; the card is not kept: its bins name customers' values."""
    need_fields(study)
    known = outcomes(study)

    def fit(configuration: Configuration, seed: int) -> Floats:
        return fit_card(study, known, configuration).score()

    return tuned(study, "scorecard", CONFIGURATIONS, fit, seed)


def fit_card(study: Study, known: Outcomes, configuration: Configuration) -> Card:
    """The card that the training rows give."""
    bins = fit_bins(study, known.train, configuration["bins"])
    worth = [_evidence(one, known) for one in bins]
    inputs = np.column_stack([w[b.code] for w, b in zip(worth, bins, strict=True)])
    model = logistic(inputs, known, configuration["strength"])
    slopes = zip(model.coef_[0], worth, strict=True)
    points = [np.rint(POINTS * slope * w).astype(np.int64) for slope, w in slopes]
    return Card(bins, points, round(POINTS * float(model.intercept_[0])))


def _evidence(bins: Bins, known: Outcomes) -> Floats:
    """[bins] log of (share of the orders / share of the others) that fall in each bin."""
    rows = known.train
    weight, label = known.weight[rows], known.label[rows]
    rate = np.average(label, weights=weight)
    count, size = bins.code[rows], len(bins.names)
    orders = np.bincount(count, weight * label, size) + IMAGINED * rate
    others = np.bincount(count, weight * (1 - label), size) + IMAGINED * (1 - rate)
    worth = np.log(orders / others) - np.log(rate / (1 - rate))
    worth[: bins.ordered] = _monotone(worth[: bins.ordered], (orders + others)[: bins.ordered])
    return worth


def _monotone(worth: Floats, weight: Floats) -> Floats:
    """The rising or the falling fit, whichever is nearer."""
    if len(worth) < 2:
        return worth
    place = np.arange(len(worth))
    fits = [
        IsotonicRegression(increasing=rising).fit_transform(place, worth, sample_weight=weight)
        for rising in (True, False)
    ]
    return min(fits, key=lambda fit: float(weight @ (fit - worth) ** 2))


SYSTEM = System("scorecard", fit_and_score, reads="fields")
