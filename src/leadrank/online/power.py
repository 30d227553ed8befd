"""How large an uplift a test could see, from how units differed in their history."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from leadrank.errors import UserError

Floats = NDArray[np.float64]

BLOCK_DAYS = 7  # whole weeks, so that weekdays are no noise


@dataclass(frozen=True)
class Spread:
    """Why units' orders per day differ: `between` stays with a unit, `within` is of its days.

    Variances of orders per unit-day, within strata: of a unit's level, and of one day about
    that level (days taken as independent from week to week). `mean` is orders per unit-day.
    """

    mean: float
    between: float
    within: float

    @property
    def icc(self) -> float:
        """Share of a unit-day's variance that stays with the unit."""
        total = self.between + self.within
        return self.between / total if total > 0 else 0.0

    def lifted(self, lift: float) -> "Spread":
        """Of units whose levels are all multiplied by 1 + lift, their days as in Poisson's law.

        mean and within grow with 1 + lift, between with its square.
        """
        factor = 1 + lift
        return Spread(self.mean * factor, self.between * factor**2, self.within * factor)

    def of_mean(self, days: int) -> float:
        """Variance of a unit's mean over so many days: between + within / days."""
        return self.between + self.within / days

    def kept(self, days: int, before: int) -> float:
        """1 - rho^2: what CUPED leaves of that variance, with `before` earlier days.

        rho = between / sqrt(of_mean(days) of_mean(before)). Source: Deng et al. 2013.
        """
        if self.between == 0 or before == 0:
            return 1.0
        return 1 - self.between**2 / (self.of_mean(days) * self.of_mean(before))


def spread_of(orders: Floats, stratum: NDArray) -> Spread:
    """Analysis of variance of unit by week, within strata.

        within / 7 = MS(unit x week),
        between = max(0, (MS(unit) - MS(unit x week)) / weeks)

    What all units share in a week is no noise of a comparison, and is left out.

    Args:
        orders: per unit and day [units days]; the days that make no whole week are left out.
        stratum: of each unit [units].

    Raises UserError for fewer than 4 weeks, or fewer than 2 units more than strata.
    """
    weeks = orders.shape[1] // BLOCK_DAYS
    strata, code = np.unique(stratum, return_inverse=True)
    units = len(orders)
    if weeks < 4:
        raise UserError(
            f"the history has {orders.shape[1]} days; expected at least 28, to tell what stays "
            "with a unit from what changes"
        )
    if units - len(strata) < 2:
        raise UserError(f"{units} units in {len(strata)} strata: too many strata")
    recent = orders[:, -weeks * BLOCK_DAYS :]
    mean = recent.reshape(units, weeks, BLOCK_DAYS).mean(axis=2)
    inside = mean - _stratum_means(mean, code, len(strata))
    level = inside.mean(axis=1, keepdims=True)
    free = units - len(strata)
    of_units = weeks * (level**2).sum() / free
    of_weeks = ((inside - level) ** 2).sum() / (free * (weeks - 1))
    return Spread(
        mean=float(mean.mean()),
        between=float(max(0.0, (of_units - of_weeks) / weeks)),
        within=float(BLOCK_DAYS * of_weeks),
    )


def _stratum_means(value: Floats, code: NDArray[np.int64], strata: int) -> Floats:
    """The mean of each unit's stratum in each week [units weeks]."""
    inside = (code[:, None] == np.arange(strata)).astype(float)
    return inside @ (inside.T @ value / inside.sum(axis=0)[:, None])


def standard_error(
    spread: Spread, lift: float, *, days: int, before: int, control: int, treated: int
) -> float:
    """Of an uplift of `lift` times the mean, in orders per unit-day.

    After CUPED with `before` earlier days:

    sqrt(kept (Var(control) / control + Var(treated) / treated)); units that the treatment lifts
    also differ more.
    """
    arms = spread.of_mean(days) / control + spread.lifted(lift).of_mean(days) / treated
    return float(np.sqrt(spread.kept(days, before) * arms))


def power(uplift: float, se: float, dof: float, *, critical: float | None = None) -> float:
    """Chance that an uplift is found significant: noncentral Student, two-sided.

    `critical`: standard errors that it takes; None: one look at 95 %.
    """
    c = stats.t.isf(0.025, dof) if critical is None else critical
    ratio = abs(uplift) / se
    # Of the wrong sign: scipy 1.17 has NaN for what is below 1e-20.
    wrong = np.nan_to_num(stats.nct.cdf(-c, dof, ratio))
    return float(stats.nct.sf(c, dof, ratio) + wrong)


def needed_ratio(dof: float, *, wanted: float = 0.8, critical: float | None = None) -> float:
    """The uplift that is found with the wanted power, in standard errors."""

    def short(ratio: float) -> float:
        return power(ratio, 1.0, dof, critical=critical) - wanted

    # Stepping up brackets it, however large `critical` is.
    high = 1.0
    while short(high) < 0:
        high += 1.0
    return float(optimize.brentq(short, high - 1.0, high))


def smallest_lift(error: Callable[[float], float], mean: float, ratio: float) -> float:
    """The relative uplift that is `ratio` of its standard errors; infinite if none is.

    Solves `lift mean = ratio error(lift)`.

    Args:
        error: standard error of the uplift in orders per unit-day, given the relative uplift.
        mean: orders per unit-day without the treatment.
        ratio: standard errors that it takes.
    """

    def over(lift: float) -> float:
        return lift * mean - ratio * error(lift)

    high = next((high for high in 2.0 ** np.arange(10) if over(high) > 0), None)
    return np.inf if high is None else float(optimize.brentq(over, 0.0, high))
