"""How much wider an interval must be when one looks at a running test more than once.

The uplift of a cluster test is a random walk in its information, 1/variance, also with effects
of units that stay (Jennison and Turnbull 2000, ch. 11). Both boundaries take the share of the
planned days for the share of the information, which is too low wherever effects of units stay;
then looks depend on each other more than is assumed, and both err on the safe side.

    always valid  any look, any number, no end; at the planned end 1.55 times one look's width
    spending      the planned looks only; at the planned end 1.08 times, for 20 looks

Multipliers are of a known variance; `with_dof` makes them Student's.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Floats = NDArray[np.float64]

GRID = 801
# Below this chance a look has no boundary: nothing is spent there.
NOTHING = 1e-9


def always_valid_multiplier(share: float, *, level: float = 0.95) -> float:
    """Standard errors of an interval that holds at all looks at once, however many.

        m(x) = sqrt((1 + 1/x) log((1 + x) / alpha^2)),    x = x* share

    x* makes it narrowest at the planned end. Source: Robbins' normal mixture, in the asymptotic
    form of Waudby-Smith et al. 2024 (arXiv 2103.06476, Thm 2.2).

    Why the share of days may stand for that of information I(t): effects of units that stay
    make I concave, so I(t)/I(T) >= t/T before the planned end T and <= after it; m falls up to
    x* and rises behind, so that m(x* t/T) is never below m(x* I(t)/I(T)), which is valid.

    Args:
        share: days so far as a share of those planned, above 0; more than 1 is allowed.
        level: coverage over all looks.
    """
    alpha = 1 - level
    x = _narrowest(alpha) * share
    return float(np.sqrt((1 + 1 / x) * np.log((1 + x) / alpha**2)))


def _narrowest(alpha: float) -> float:
    """The x that makes (1 + 1/x) log((1 + x)/alpha^2) least: x = log((1 + x)/alpha^2)."""
    return float(optimize.brentq(lambda x: x - np.log((1 + x) / alpha**2), 1e-3, 1e3))


@cache
def spending_multipliers(
    shares: tuple[float, ...], *, level: float = 0.95
) -> tuple[float, ...]:
    """Standard errors of the interval at each planned look, so that all hold at once.

    Spends alpha(t) = 4 - 4 Phi(z / sqrt(t)), z the normal's upper alpha/4, by share t: Lan and
    DeMets's (1983) function like O'Brien and Fleming's on either side; little early, nearly all
    at the end. The boundary b_k solves

        P(|Z_j| < b_j for j < k, |Z_k| >= b_k) = alpha(t_k) - alpha(t_(k-1)),

    by integrating the density of what has not crossed (Armitage, McPherson and Rowe 1969).

    Args:
        shares: of the planned days at each look, rising, in (0, 1].
        level: coverage over all looks.

    Returns:
        One multiplier a look; infinite where nothing may be spent yet.
    """
    z = stats.norm.isf((1 - level) / 4)
    spent = 4 * stats.norm.sf(z / np.sqrt(np.array(shares)))
    chances = np.diff(spent, prepend=0.0)
    found: list[float] = []
    place, mass, before = np.zeros(1), np.ones(1), 0.0
    for share, chance in zip(shares, chances, strict=True):
        step = np.sqrt(share - before)
        bound = _bound(place, mass, step, chance, np.sqrt(share))
        found.append(float(bound / np.sqrt(share)))
        place, mass = _carried(place, mass, step, min(bound, 9 * np.sqrt(share)))
        before = share
    return tuple(found)


def _bound(place: Floats, mass: Floats, step: float, chance: float, scale: float) -> float:
    """The b with chance P(|S| >= b) for S = place + step N(0, 1)."""
    if chance < NOTHING:
        return float("inf")

    def excess(b: float) -> float:
        out = stats.norm.sf((b - place) / step) + stats.norm.cdf((-b - place) / step)
        return float(mass @ out) - chance

    return float(optimize.brentq(excess, 0.0, 9 * scale))


def _carried(place: Floats, mass: Floats, step: float, bound: float) -> tuple[Floats, Floats]:
    """The sub-density of the walk inside (-bound, bound) one look on, as weighted points."""
    grid, width = np.linspace(-bound, bound, GRID, retstep=True)
    density = stats.norm.pdf((grid[:, None] - place) / step) @ mass / step
    weight = np.full(GRID, width)
    weight[[0, -1]] = width / 2
    return grid, density * weight


def with_dof(multiplier: float, dof: float) -> float:
    """The same tail of Student's distribution: the variance is estimated from few units.

    Source: the significance-level approach of Jennison and Turnbull 2000, ch. 3.8.
    """
    return float(stats.t.isf(stats.norm.sf(multiplier), dof))
