"""500 tests of reps without and with an effect: what is claimed holds in 95 % of them."""

from functools import cache

import numpy as np
import pytest
from cluster_draws import draw_potential
from scipy import stats

from leadrank.online import (
    always_valid_multiplier,
    assign,
    design,
    estimate,
    share_significant,
    spending_multipliers,
)
from leadrank.online.unit_table import UnitTable

TESTS, LOOKS, DAYS = 500, 20, 132
BINOMIAL = 1.96 * np.sqrt(0.05 * 0.95 / TESTS)


@cache
def looks_without_effect() -> np.ndarray:
    """[TESTS LOOKS 2] uplift over its standard error, and degrees of freedom; no effect."""
    found = np.empty((TESTS, LOOKS, 2))
    for k in range(TESTS):
        rng = np.random.default_rng([3, k])
        potential = draw_potential(rng, days=DAYS)
        treated = assign(potential.unit, potential.stratum, salt=str(k))
        total = potential.observed(treated).orders.cumsum(axis=1)
        for look in range(LOOKS):
            day = round(DAYS * (look + 1) / LOOKS)
            effect = estimate(
                total[:, day - 1] / day, treated, covariates=potential.before[:, None]
            )
            found[k, look] = effect.uplift / effect.se, effect.dof
    return found


def shares_crossing(multipliers: list[float]) -> float:
    found = looks_without_effect()
    crossed = [
        np.abs(found[:, look, 0]) > stats.t.isf(stats.norm.sf(m), found[:, look, 1])
        for look, m in enumerate(multipliers)
    ]
    return float(np.any(crossed, axis=0).mean())


def test_one_look_without_effect_is_significant_in_five_percent() -> None:
    crossed = shares_crossing([np.inf] * (LOOKS - 1) + [1.959964])
    assert crossed == pytest.approx(0.05, abs=BINOMIAL)


def test_twenty_planned_looks_without_effect_are_significant_in_five_percent() -> None:
    shares = tuple((np.arange(LOOKS) + 1) / LOOKS)
    crossed = shares_crossing(list(spending_multipliers(shares)))
    assert crossed == pytest.approx(0.05, abs=BINOMIAL)


def test_always_valid_is_significant_in_no_more_than_five_percent() -> None:
    multipliers = [always_valid_multiplier((look + 1) / LOOKS) for look in range(LOOKS)]
    assert shares_crossing(multipliers) <= 0.05


def test_a_test_that_looks_twenty_times_at_one_looks_interval_is_caught() -> None:
    assert shares_crossing([1.959964] * LOOKS) > 0.05 + 5 * BINOMIAL


@pytest.mark.parametrize("units", [40, 16])
def test_a_true_effect_is_covered_in_95_percent(units: int) -> None:
    """20 and 8 reps an arm; the truth is the mean over all reps that might have been."""
    covered = {"plain": 0, "cuped": 0, "relative": 0}
    for k in range(TESTS):
        rng = np.random.default_rng([5, units, k])
        potential = draw_potential(rng, units=units, lift=0.2)
        treated = assign(potential.unit, potential.stratum, salt=str(k))
        rate = potential.observed(treated).orders.mean(axis=1)
        plain = estimate(rate, treated)
        cuped = estimate(rate, treated, covariates=potential.before[:, None])
        low, high = plain.interval()
        covered["plain"] += low <= 0.15 * 0.2 <= high
        low, high = cuped.interval()
        covered["cuped"] += low <= 0.15 * 0.2 <= high
        relative = cuped.relative_interval()
        covered["relative"] += relative is None or relative[0] <= 0.2 <= relative[1]
    for name, count in covered.items():
        assert 0.93 <= count / TESTS <= 0.97, (name, count / TESTS)


def test_cuped_shortens_as_the_correlation_says() -> None:
    ratios, rhos = [], []
    for k in range(200):
        potential = draw_potential(np.random.default_rng([7, k]), spread=0.5)
        treated = assign(potential.unit, potential.stratum, salt=str(k))
        rate = potential.observed(treated).orders.mean(axis=1)
        cuped = estimate(rate, treated, covariates=potential.before[:, None])
        ratios.append(cuped.se / estimate(rate, treated).se)
        rhos.append(np.corrcoef(rate, potential.before)[0, 1])
    # The slope costs one of 38 degrees of freedom.
    expected = np.mean(np.sqrt(1 - np.square(rhos))) * np.sqrt(38 / 37)
    assert np.mean(ratios) < 0.75
    assert np.mean(ratios) == pytest.approx(expected, rel=0.02)


def test_the_planned_smallest_uplift_is_found_in_80_percent() -> None:
    history = draw_potential(np.random.default_rng(13), units=40, days=364, spread=0.4)
    plan = design(
        UnitTable(
            history.unit, tuple(range(364)), history.control, np.ones((40, 364))
        ),
        kind="rep", days=132, lag_days=0, salt="s",
    )  # fmt: skip
    assert plan.spread.mean == pytest.approx(0.15, rel=0.15)
    assert np.sqrt(plan.spread.between) == pytest.approx(0.15 * 0.4, rel=0.3)
    lift = plan.smallest(132, cuped=False)
    found = 0
    spread = np.sqrt(plan.spread.between) / plan.spread.mean
    for k in range(TESTS):
        potential = draw_potential(
            np.random.default_rng([17, k]), mean=plan.spread.mean, spread=spread, lift=lift
        )
        treated = assign(potential.unit, potential.stratum, salt=str(k))
        effect = estimate(potential.observed(treated).orders.mean(axis=1), treated)
        found += effect.interval()[0] > 0
    assert found / TESTS == pytest.approx(0.8, abs=0.07)


def test_replays_of_a_world_without_effect_are_rarely_significant_and_cover() -> None:
    rng = np.random.default_rng(19)
    potential = draw_potential(rng)
    replays = share_significant(potential, salt="s", tests=300)
    assert replays.significant < 0.5
    assert replays.covered == pytest.approx(0.95, abs=0.05)
