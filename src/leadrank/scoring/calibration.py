"""Probabilities from scores: Platt scaling with a slope that cannot be negative.

Two parameters, because a validation part holds tens of orders. Isotonic regression fits a step
function with as many levels as the data allow: on so few orders it copies their noise, gives
whole stretches of leads one probability (often exactly 0) and says nothing beyond the scores
it saw. What is given up: a sigmoid cannot mend a bend in the middle; the report shows it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from leadrank.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(slope * score + intercept), slope >= 0."""

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (self.slope >= 0 and np.isfinite([self.slope, self.intercept]).all()):
            raise ValueError(
                f"calibration needs a finite slope >= 0 and a finite intercept, got {self}"
            )

    def probability(self, score: ArrayLike) -> Floats:
        """Probabilities [n] in (0, 1) of scores [n]; never reverses the order of two scores."""
        return expit(self.slope * np.asarray(score, dtype=np.float64) + self.intercept)

    def save(self, path: Path) -> None:
        """Write the two numbers as JSON."""
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Read what `save` wrote; raises ValueError when it is not that."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(float(values["slope"]), float(values["intercept"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a calibration: {error}") from error


def fit_calibration(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None
) -> Calibration:
    """Fit by weighted maximum likelihood of smoothed targets (Platt 1999).

    score [n] logits, label [n] 0 or 1, weight [n] population rows per row. With N the weight of
    a class, the targets are (N1 + 1) / (N1 + 2) for orders and 1 / (N0 + 2) for the rest: one
    imagined row of the other class on either side, so that a perfect separation on few orders
    does not give certainty. Where the best slope would be negative it is 0, and every lead gets
    the base rate. Raises UserError without both classes, ValueError on values not finite.
    """
    scores, target, weights = _checked(score, label, weight)
    centre = float(np.average(scores, weights=weights))
    spread = float(np.sqrt(np.average((scores - centre) ** 2, weights=weights)))
    if spread <= 1e-12 * max(1.0, abs(centre)):
        return Calibration(0.0, _logit(float(np.average(target, weights=weights))))
    standard = (scores - centre) / spread
    slope, intercept = _maximum_likelihood(standard, target, weights / weights.sum())
    return Calibration(float(slope / spread), float(intercept - slope * centre / spread))


def _checked(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    scores = np.asarray(score, dtype=np.float64)
    labels = np.asarray(label, dtype=np.float64)
    weights = np.ones_like(scores) if weight is None else np.asarray(weight, np.float64)
    if not scores.shape == labels.shape == weights.shape or scores.ndim != 1:
        raise ValueError(
            "score, label and weight need one shape [n], "
            f"got {scores.shape}, {labels.shape}, {weights.shape}"
        )
    if not (np.isfinite(scores).all() and np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("calibration needs finite scores and finite weights >= 0")
    if not np.isin(labels, (0.0, 1.0)).all():
        raise ValueError("calibration needs labels of 0 and 1 only")
    ordered, other = weights[labels == 1].sum(), weights[labels == 0].sum()
    if ordered == 0 or other == 0:
        raise UserError(
            f"calibration: the validation part has {int(labels.sum())} orders in "
            f"{len(labels)} rows; expected some of both, so choose a larger validation share"
        )
    target = np.where(labels == 1, (ordered + 1) / (ordered + 2), 1 / (other + 2))
    return scores, target, weights


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


def _maximum_likelihood(standard: Floats, target: Floats, share: Floats) -> Floats:
    """Minimise the mean of softplus(z) - target * z at z = slope * standard + intercept."""

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logit = parameters[0] * standard + parameters[1]
        residual = share * (expit(logit) - target)
        value = np.sum(share * (np.logaddexp(0.0, logit) - target * logit))
        return value, np.array([residual @ standard, residual.sum()])

    start = np.array([1.0, _logit(float(share @ target))])
    fit = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None), (None, None)],
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000},
    )
    return fit.x
