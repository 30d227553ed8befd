"""Boundaries for many looks, against published ones and random walks."""

import numpy as np
import pytest
from scipy import stats

from leadrank.online import always_valid_multiplier, spending_multipliers
from leadrank.online.sequential import with_dof

SHARES = tuple((np.arange(20) + 1) / 20)


def crossings(multipliers: tuple[float, ...], information: np.ndarray) -> float:
    """Share of 20,000 random walks without drift that ever leave the boundary."""
    rng = np.random.default_rng(11)
    steps = np.sqrt(np.diff(information, prepend=0.0))
    walk = (rng.normal(size=(20_000, len(steps))) * steps).cumsum(axis=1)
    return float(
        (np.abs(walk / np.sqrt(information)) > np.array(multipliers)).any(axis=1).mean()
    )


def test_one_look_is_the_normal_quantile() -> None:
    assert spending_multipliers((1.0,)) == pytest.approx([1.959964], abs=1e-4)


def test_five_looks_are_those_in_the_textbook() -> None:
    # Jennison and Turnbull 2000; gsDesign's sfLDOF, two-sided 0.05, gives the same.
    found = spending_multipliers((0.2, 0.4, 0.6, 0.8, 1.0))
    assert found == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=2e-3)


def test_twenty_planned_looks_cross_in_five_percent() -> None:
    assert crossings(spending_multipliers(SHARES), np.array(SHARES)) == pytest.approx(
        0.05, abs=3 * np.sqrt(0.05 * 0.95 / 20_000)
    )


def test_always_valid_is_narrowest_at_the_planned_end() -> None:
    found = [always_valid_multiplier(share) for share in (0.5, 0.99, 1.0, 1.01, 2.0)]
    assert min(found) == found[2]
    # x* = log((1 + x*) / 0.0025) = 8.2104 and m^2 = 1 + x*.
    assert found[2] == pytest.approx(np.sqrt(1 + 8.2104), abs=1e-3)


@pytest.mark.parametrize("stays", [0.0, 0.5, 3.0])
def test_always_valid_crosses_rarely_however_information_grows(stays: float) -> None:
    days = np.arange(1, 265)  # twice as long as planned, a look every day
    information = 1 / (stays / 132 + 1 / days)
    multipliers = tuple(always_valid_multiplier(day / 132) for day in days)
    assert crossings(multipliers, information) < 0.05


def test_looking_twenty_times_at_one_looks_interval_crosses_far_more_often() -> None:
    assert crossings((1.96,) * 20, np.array(SHARES)) > 0.2


def test_students_multiplier_has_the_same_tail() -> None:
    assert stats.t.sf(with_dof(2.5, 9), 9) == pytest.approx(stats.norm.sf(2.5))
    assert np.isinf(with_dof(float("inf"), 9))
