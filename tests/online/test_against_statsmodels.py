"""Where statsmodels has the same thing, it says the same number."""

import numpy as np
import pytest
import statsmodels.api as sm
from cluster_draws import draw_potential
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.gof import chisquare
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from leadrank.online import analyse, assign, estimate
from leadrank.online.power import needed_ratio, power


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(8, 30), st.integers(0, 3))
def test_uplift_and_error_are_its_weighted_least_squares_with_hc2(
    seed: int, units: int, covariates: int
) -> None:
    rng = np.random.default_rng(seed)
    treated = rng.permutation(units) < units // 2
    weight = rng.uniform(0.5, 2, units)
    extra = rng.normal(size=(units, covariates))
    outcome = rng.gamma(4, size=units) + extra.sum(axis=1)
    mine = estimate(outcome, treated, weight=weight, covariates=extra)
    centred = extra - np.average(extra, axis=0, weights=weight)
    design = np.column_stack([np.ones(units), treated, centred])
    theirs = sm.WLS(outcome, design, weights=weight).fit(cov_type="HC2")
    assert [mine.control, mine.uplift] == pytest.approx(theirs.params[:2])
    assert mine.covariance == pytest.approx(theirs.cov_params()[:2, :2])


def test_two_arms_have_its_welch_interval_but_for_the_degrees_of_freedom() -> None:
    rng = np.random.default_rng(2)
    outcome, treated = rng.gamma(4, size=20), np.arange(20) % 2 == 0
    arms = CompareMeans(DescrStatsW(outcome[treated]), DescrStatsW(outcome[~treated]))
    effect = estimate(outcome, treated)
    low, high = arms.tconfint_diff(usevar="unequal")
    # Welch's degrees of freedom are estimated, Bell and McCaffrey's of equal arms are 18.
    assert effect.interval() == pytest.approx((low, high), abs=0.01 * (high - low))
    assert effect.dof == pytest.approx(18)


@pytest.mark.parametrize("per_arm", [4, 20, 200])
@pytest.mark.parametrize("uplift", [0.1, 0.5, 0.8])
def test_power_is_its_power_of_students_test(per_arm: int, uplift: float) -> None:
    theirs = TTestIndPower().power(uplift, per_arm, 0.05)
    found = power(uplift, np.sqrt(2 / per_arm), 2 * per_arm - 2)
    assert found == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("per_arm", [4, 20, 200])
def test_the_smallest_uplift_is_its_effect_size(per_arm: int) -> None:
    theirs = TTestIndPower().solve_power(nobs1=per_arm, alpha=0.05, power=0.8)
    found = needed_ratio(2 * per_arm - 2) * np.sqrt(2 / per_arm)
    assert found == pytest.approx(theirs, rel=1e-4)


def test_sample_ratio_and_balance_are_its_tests() -> None:
    both = draw_potential(np.random.default_rng(4), units=30)
    treated = assign(both.unit, both.stratum, salt="a", share=0.3)
    table = both.observed(treated)
    ratio, _, before = analyse(table, share=0.5).checks
    counts = np.array([(~treated).sum(), treated.sum()])
    assert ratio.p_value == pytest.approx(chisquare(counts, np.array([15, 15]))[1])
    arms = CompareMeans(DescrStatsW(both.before[treated]), DescrStatsW(both.before[~treated]))
    assert before.p_value == pytest.approx(arms.ttest_ind(usevar="unequal")[1])
