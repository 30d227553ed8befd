"""Both outcomes of every unit, which only a simulated world has, and what tests make of them.

Where units share neither leads nor time, what a unit sells depends on its own policy alone.
So the world in which all run A and the one in which all run B hold every test between the two:
each unit's orders are taken from the world of its arm. That takes policies that score a rep's
leads by these leads alone, their lots included (`DayView.chance`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from leadrank.online.analysis import covariates_of, rates
from leadrank.online.assignment import assign
from leadrank.online.effect import LEVEL, Effect, Floats, estimate
from leadrank.online.power import needed_ratio
from leadrank.online.unit_table import UnitTable


@dataclass(frozen=True)
class Potential:
    """Orders by unit and day [units days] under either policy, on common random numbers."""

    unit: tuple[str, ...]
    control: Floats
    treatment: Floats
    before: Floats
    stratum: tuple[str, ...]

    @property
    def uplift(self) -> float:
        """The truth: orders per unit-day, all on the treatment minus all on the control."""
        return float(self.treatment.mean() - self.control.mean())

    @property
    def uplift_interval(self) -> tuple[float, float]:
        """Where the mean uplift of all units like these lies: Student's 95 % interval.

        Of each unit's own difference between the two worlds, so what units differ by is no
        noise; that is why it is far narrower than any test's.
        """
        own = (self.treatment - self.control).mean(axis=1)
        half = stats.t.isf((1 - LEVEL) / 2, len(own) - 1) * stats.sem(own)
        return float(own.mean() - half), float(own.mean() + half)

    def days(self, first: int) -> "Potential":
        """The days from position `first` on."""
        return replace(
            self, control=self.control[:, first:], treatment=self.treatment[:, first:]
        )

    def observed(self, treated: NDArray[np.bool_]) -> UnitTable:
        """The table of a test with these units treated."""
        orders = np.where(treated[:, None], self.treatment, self.control)
        return UnitTable(
            unit=self.unit,
            day=tuple(range(orders.shape[1])),
            orders=orders,
            exposure=np.ones_like(orders),
            treated=treated,
            before=self.before,
            stratum=self.stratum,
        )


def all_orders(potential: Potential) -> tuple[float, float]:
    """Orders with everyone on the control, and with everyone on the treatment."""
    return float(potential.control.sum()), float(potential.treatment.sum())


@dataclass(frozen=True)
class Replays:
    """What `tests` other assignments of the same units would have found.

    `significant` (with the true sign) and `covered` are shares of them, `margin` is the larger
    arm of Wilson's 95 % interval about it; `width` is the mean relative half-width of the
    tests' intervals. `smallest` is the relative uplift that would be found with 80 % power,
    `units` how many units such a test would need to find the true one so; infinite where there
    is none.
    """

    tests: int
    significant: float
    covered: float
    margin: float
    width: float
    smallest: float
    units: float


def share_significant(
    potential: Potential, *, salt: str, share: float = 0.5, tests: int = 500
) -> Replays:
    """The power that the test had: other salts, same units, same days, one look each."""
    effects = [_effect(potential, f"{salt}/{k}", share) for k in range(tests)]
    low, high = np.array([effect.interval() for effect in effects]).T
    # Without a true sign both count: what is found is chance.
    found = (low > 0) & (potential.uplift >= 0) | (high < 0) & (potential.uplift <= 0)
    significant = float(found.mean())
    wilson = stats.binomtest(int(found.sum()), tests).proportion_ci(method="wilson")
    margin = max(wilson.high - significant, significant - wilson.low)
    # The variance falls with the number of units, so the error with its root.
    ratio = needed_ratio(float(np.mean([effect.dof for effect in effects])))
    smallest = ratio * np.mean([effect.se for effect in effects])
    truth = abs(potential.uplift)
    return Replays(
        tests=tests,
        significant=significant,
        covered=float(((low <= potential.uplift) & (potential.uplift <= high)).mean()),
        margin=float(margin),
        width=float(((high - low) / 2).mean() / potential.control.mean()),
        smallest=float(smallest / potential.control.mean()),
        units=float(len(potential.unit) * (smallest / truth) ** 2) if truth else np.inf,
    )


def _effect(potential: Potential, salt: str, share: float) -> Effect:
    treated = assign(potential.unit, potential.stratum, salt=salt, share=share)
    table = potential.observed(treated)
    rate, _ = rates(table)
    return estimate(rate, treated, covariates=covariates_of(table)[0])
