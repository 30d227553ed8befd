"""The uplift of a test whose units (reps or stores) were assigned whole, and its interval.

One row a unit: orders per unit of exposure. With a row a cluster, the cluster-robust CR2
covariance of Bell and McCaffrey (2002) is HC2, and what is left of their method is the degrees
of freedom. statsmodels 0.15 has HC2 and scipy Welch's test, but no kept library of Python has
these degrees of freedom, without which few units cover too rarely; so the few lines are here,
and the tests hold them against Welch's test and against the sandwich written out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from leadrank.errors import UserError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVEL = 0.95
# A unit whose leverage is nearer to 1 than this is alone in its stratum and arm: no variance.
ALONE = 1e-8


@dataclass(frozen=True)
class Effect:
    """What the treatment adds to a unit's orders per unit of exposure.

    `control` is the control arm's mean at the average unit's covariates, `uplift` what the
    treatment adds to it, `covariance` [2 2] that of the two (CR2), `dof` the degrees of freedom
    of `uplift` (Bell and McCaffrey). All in orders per unit of exposure, such as a rep's day.
    """

    control: float
    uplift: float
    covariance: Floats
    dof: float

    @property
    def se(self) -> float:
        """Standard error of the uplift."""
        return float(np.sqrt(self.covariance[1, 1]))

    def multiplier(self, level: float = LEVEL) -> float:
        """Student's quantile for one look at the planned end."""
        return float(stats.t.isf((1 - level) / 2, self.dof))

    def interval(self, multiplier: float | None = None) -> tuple[float, float]:
        """`uplift` plus and minus `multiplier` standard errors; None: `multiplier()`."""
        half = (self.multiplier() if multiplier is None else multiplier) * self.se
        return self.uplift - half, self.uplift + half

    @property
    def relative(self) -> float:
        """Uplift as a share of the control arm's mean; NaN where control sold nothing."""
        return self.uplift / self.control if self.control > 0 else float("nan")

    def relative_interval(self, multiplier: float | None = None) -> tuple[float, float] | None:
        """Fieller's interval of `relative`; None where control's mean may be nought.

        The r with |uplift - r control| <= multiplier se(uplift - r control), that is the roots
        of (c^2 - m^2 Vcc) r^2 - 2 (c u - m^2 Vcu) r + (u^2 - m^2 Vuu) = 0.
        Source: Fieller 1954, Some problems in interval estimation.
        """
        m2 = (self.multiplier() if multiplier is None else multiplier) ** 2
        v = self.covariance
        a = self.control**2 - m2 * v[0, 0]
        b = self.control * self.uplift - m2 * v[0, 1]
        c = self.uplift**2 - m2 * v[1, 1]
        if a <= 0 or self.control <= 0:
            return None
        root = np.sqrt(max(b * b - a * c, 0.0))
        return float((b - root) / a), float((b + root) / a)


def estimate(
    outcome: Floats,
    treated: Bools,
    *,
    weight: Floats | None = None,
    covariates: Floats | None = None,
) -> Effect:
    """Least squares of the outcome on arm and centred covariates, one row a unit.

        outcome = control + uplift * treated + covariates slope,    V_CR2 = sum_i (g_i e_i)^2,
        g_i = (X'X)^-1 x_i / sqrt(1 - h_i),    dof = tr(B)^2 / tr(B^2),
        B = diag(g) (I - H) diag(g)

    Source: Bell and McCaffrey 2002; the working model has equal variances. With earlier orders
    as covariate this is CUPED (Deng et al. 2013).

    Args:
        outcome: orders per unit of exposure [units].
        treated: which units have the treatment [units].
        weight: exposure; units count and vary accordingly [units].
        covariates: known before the test, such as earlier orders [units covariates].

    Raises:
        UserError: fewer than two units in an arm, or covariates and strata that leave no
            comparison between the arms.
    """
    n = len(outcome)
    if min(treated.sum(), (~treated).sum()) < 2:
        raise UserError(
            f"expected at least 2 units in each arm, came {treated.sum()} treated and "
            f"{(~treated).sum()} control"
        )
    w = np.ones(n) if weight is None else weight / weight.mean()
    columns = [np.ones(n), treated.astype(float)]
    if covariates is not None:
        columns += list((covariates - np.average(covariates, axis=0, weights=w)).T)
    x = np.stack(columns, axis=1) * np.sqrt(w)[:, None]
    y = outcome * np.sqrt(w)
    return _robust(x, y)


def _robust(x: Floats, y: Floats) -> Effect:
    scale = np.maximum(np.sqrt((x**2).sum(axis=0)), 1e-300)
    if len(x) <= x.shape[1] or np.linalg.matrix_rank(x / scale) < x.shape[1]:
        raise UserError(
            f"{len(x)} units cannot carry {x.shape[1] - 2} covariates and strata: a stratum "
            "lies in one arm, or covariates repeat each other; use fewer strata"
        )
    bread = np.linalg.inv(x.T @ x) @ x.T  # [covariates units]
    hat = x @ bread
    rest = 1 - np.diag(hat)
    if rest.min() < ALONE:
        raise UserError(
            "a unit is alone in its stratum and so is compared with none; join small strata"
        )
    beta = bread @ y
    influence = bread[:2] / np.sqrt(rest)
    covariance = (influence * (y - x @ beta) ** 2) @ influence.T
    b = influence[1][:, None] * (np.eye(len(x)) - hat) * influence[1]
    return Effect(
        control=float(beta[0]),
        uplift=float(beta[1]),
        covariance=covariance,
        dof=float(np.trace(b) ** 2 / (b**2).sum()),
    )
