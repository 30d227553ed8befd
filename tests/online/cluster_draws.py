"""Outcomes of a test with clusters, reduced to what decides it: unlike reps, few orders.

A rep's level is gamma (so that orders over reps are negative binomial), a day's orders are
Poisson; the same levels before the test and in it.
"""

import numpy as np

from leadrank.online import Potential


def draw_potential(
    rng: np.random.Generator,
    *,
    units: int = 40,
    days: int = 132,
    before: int = 60,
    mean: float = 0.15,
    spread: float = 0.4,
    lift: float = 0.0,
) -> Potential:
    """Both outcomes of `units` reps: `mean` orders a day, levels with coefficient `spread`.

    The treatment multiplies each level by 1 + lift, so the uplift is `mean * lift` over reps.
    """
    level = rng.gamma(1 / spread**2, mean * spread**2, units)[:, None]
    return Potential(
        unit=tuple(f"rep {i:03d}" for i in range(units)),
        control=rng.poisson(level, (units, days)).astype(float),
        treatment=rng.poisson(level * (1 + lift), (units, days)).astype(float),
        before=rng.poisson(level, (units, before)).mean(axis=1),
        stratum=("all",) * units,
    )
