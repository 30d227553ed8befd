"""The uplift and its interval, against Welch's test and a sandwich written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leadrank.errors import UserError
from leadrank.online import estimate


def test_without_covariates_it_is_welchs_test() -> None:
    outcome = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 9.0, 6.0])
    treated = np.array([0, 0, 0, 0, 1, 1, 1], bool)
    effect = estimate(outcome, treated)
    welch = stats.ttest_ind(outcome[treated], outcome[~treated], equal_var=False)
    assert effect.control == pytest.approx((1 + 2 + 4 + 3) / 4)
    assert effect.uplift == pytest.approx(20 / 3 - 2.5)
    # Variances 5/3 of four and 13/3 of three.
    assert effect.se == pytest.approx(np.sqrt(5 / 3 / 4 + 13 / 3 / 3))
    assert effect.uplift / effect.se == pytest.approx(welch.statistic)


def test_two_equal_arms_have_all_degrees_of_freedom_but_two() -> None:
    effect = estimate(np.arange(10.0), np.arange(10) % 2 == 0)
    assert effect.dof == pytest.approx(10 - 2)


@pytest.mark.parametrize("seed", range(5))
def test_with_covariates_it_is_the_sandwich_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 15
    treated = np.arange(n) % 3 == 0
    covariates, weight = rng.normal(size=(n, 2)), rng.uniform(0.5, 2, n)
    outcome = rng.normal(size=n) + covariates[:, 0]
    effect = estimate(outcome, treated, weight=weight, covariates=covariates)

    root = np.sqrt(weight)
    x = np.column_stack([np.ones(n), treated, covariates]) * root[:, None]
    y = outcome * root
    inverse = np.linalg.inv(x.T @ x)
    keep = np.eye(n) - x @ inverse @ x.T
    residual = keep @ y
    meat = sum(
        np.outer(x[i], x[i]) * residual[i] ** 2 / keep[i, i] for i in range(n)
    )  # CR2 of clusters of one row
    assert effect.uplift == pytest.approx((inverse @ x.T @ y)[1])
    assert effect.se == pytest.approx(np.sqrt((inverse @ meat @ inverse)[1, 1]))
    # The variance estimate is a quadratic form of the residuals: lambdas times chi-squares.
    rows = [(inverse @ x[i])[1] / np.sqrt(keep[i, i]) * keep[i] for i in range(n)]
    eigen = np.linalg.eigvalsh(np.array(rows) @ np.array(rows).T)
    assert effect.dof == pytest.approx(eigen.sum() ** 2 / (eigen**2).sum())


@given(st.integers(0, 10**6), st.floats(0.5, 3.0))
def test_fiellers_ends_are_where_the_contrast_is_just_significant(
    seed: int, multiplier: float
) -> None:
    rng = np.random.default_rng(seed)
    effect = estimate(rng.gamma(9, size=12), np.arange(12) % 2 == 0)
    found = effect.relative_interval(multiplier)
    v, c, u = effect.covariance, effect.control, effect.uplift
    if found is None:
        assert c**2 <= multiplier**2 * v[0, 0]
        return
    for r in found:
        se = np.sqrt(v[1, 1] - 2 * r * v[0, 1] + r * r * v[0, 0])
        assert abs(u - r * c) == pytest.approx(multiplier * se, rel=1e-6)
    assert found[0] <= effect.relative <= found[1]


def test_the_relative_interval_is_none_where_control_may_be_nought() -> None:
    effect = estimate(np.array([0.0, 0.0, 1.0, 2.0, 1.0, 3.0]), np.arange(6) >= 3)
    assert effect.relative_interval() is None


def test_scaling_the_covariate_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    treated, x, y = np.arange(20) % 2 == 0, rng.normal(size=(20, 1)), rng.normal(size=20)
    one, other = (estimate(y, treated, covariates=k * x) for k in (1.0, 1e-7))
    assert one.uplift == pytest.approx(other.uplift)
    assert one.se == pytest.approx(other.se)


@pytest.mark.parametrize(
    ("treated", "covariates", "message"),
    [
        ([1, 0, 0, 0, 0, 0], None, "at least 2 units in each arm"),
        ([1, 1, 1, 0, 0, 0], [[1], [1], [1], [0], [0], [0]], "lies in one arm"),
        ([1, 1, 0, 0, 0, 0], [[0], [0], [0], [0], [0], [1]], "alone in its stratum"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    treated: list, covariates: list | None, message: str
) -> None:
    matrix = None if covariates is None else np.array(covariates, float)
    with pytest.raises(UserError, match=message):
        estimate(np.arange(6.0), np.array(treated, bool), covariates=matrix)
