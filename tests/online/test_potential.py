"""What a simulated world's two outcomes say: the truth, its error, what a test would need."""

from dataclasses import replace

import numpy as np
import pytest
from cluster_draws import draw_potential
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from leadrank.online import Potential, all_orders, analyse, assign, share_significant


def by_hand() -> Potential:
    control = np.array([[1.0, 0], [0, 0], [1, 1], [0, 2]])
    treatment = np.array([[2.0, 1], [0, 0], [1, 1], [1, 2]])
    before = np.array([0.5, 0.1, 0.8, 0.9])
    return Potential(("a", "b", "c", "d"), control, treatment, before, ("all",) * 4)


def test_the_truth_by_hand() -> None:
    both = by_hand()
    assert all_orders(both) == (5, 8)
    assert both.uplift == pytest.approx((8 - 5) / (4 * 2))


def test_the_paired_interval_is_students_of_the_units_own_differences() -> None:
    # A day's differences: 1, 0, 0, 1/2.
    expected = stats.ttest_1samp([1, 0, 0, 0.5], 0).confidence_interval(0.95)
    assert by_hand().uplift_interval == pytest.approx((expected.low, expected.high))


def test_a_units_orders_are_those_of_its_arm() -> None:
    table = by_hand().observed(np.array([True, False, False, True]))
    assert table.orders.tolist() == [[2, 1], [0, 0], [1, 1], [1, 2]]


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(4, 12))
def test_arms_mirrored_measure_the_mirrored_uplift(seed: int, half: int) -> None:
    """Naming the treatment control and the control treatment turns the sign, nothing else."""
    both = draw_potential(np.random.default_rng(seed), units=2 * half, lift=0.5)
    treated = assign(both.unit, both.stratum, salt=str(seed))
    mirrored = Potential(both.unit, both.treatment, both.control, both.before, both.stratum)
    one = analyse(both.observed(treated)).effect
    other = analyse(mirrored.observed(~treated)).effect
    assert other.uplift == pytest.approx(-one.uplift)
    assert other.se == pytest.approx(one.se)
    assert mirrored.uplift == pytest.approx(-both.uplift)


def test_so_many_units_as_it_says_find_the_true_uplift_in_80_percent() -> None:
    """Said by worlds of 30 reps, whose own spreads differ; then tests of so many are drawn."""
    said = []
    for k in range(20):
        both = draw_potential(np.random.default_rng([3, k]), units=30, lift=0.2, spread=0.2)
        replays = share_significant(both, salt="s", tests=10)
        # Its truth is of its own 30 reps; the drawn tests' is that of all, .15 times .2.
        said.append(replays.units * (both.uplift / 0.03) ** 2)
    found = 0
    for k in range(200):
        rng = np.random.default_rng([23, k])
        test = draw_potential(rng, units=round(np.mean(said)), lift=0.2, spread=0.2)
        treated = assign(test.unit, test.stratum, salt=str(k))
        found += analyse(test.observed(treated)).effect.interval()[0] > 0
    assert found / 200 == pytest.approx(0.8, abs=0.09)


def test_an_uplift_of_the_smallest_is_found_in_80_percent() -> None:
    rng = np.random.default_rng(5)
    smallest = share_significant(draw_potential(rng), salt="s", tests=50).smallest
    lifted = draw_potential(np.random.default_rng(5), lift=smallest)
    # The treatment also raises its arm's spread, so a little less is found.
    assert share_significant(lifted, salt="t", tests=200).significant == pytest.approx(
        0.75, abs=0.15
    )


def test_power_counts_the_true_sign_alone_and_is_never_certain() -> None:
    """All 40 of 40 found: Wilson's interval is from 1 / (1 + z^2 / 40) to 1."""
    large = draw_potential(np.random.default_rng(1), lift=4.0)
    found = share_significant(large, salt="s", tests=40)
    assert found.significant == 1
    z2 = stats.norm.isf(0.025) ** 2
    assert found.margin == pytest.approx(1 - 1 / (1 + z2 / 40))


def test_an_uplift_of_the_wrong_sign_is_not_found() -> None:
    wide = draw_potential(np.random.default_rng(2), units=16, days=60, spread=0.5)
    both = replace(wide, treatment=wide.control + 1e-4, before=np.zeros(16))
    replays = share_significant(both, salt="s", tests=120)
    ends = [
        analyse(both.observed(assign(both.unit, both.stratum, salt=f"s/{k}"))).effect.interval()
        for k in range(120)
    ]
    above = np.mean([low > 0 for low, _ in ends])
    below = np.mean([high < 0 for _, high in ends])
    assert below > 0  # chance alone: the true uplift is above nought
    assert replays.significant == pytest.approx(above)


def test_without_uplift_no_number_of_units_is_enough() -> None:
    wide = draw_potential(np.random.default_rng(1), units=12)
    same = Potential(wide.unit, wide.control, wide.control, wide.before, wide.stratum)
    assert np.isinf(share_significant(same, salt="s", tests=5).units)
    assert same.uplift_interval == (0, 0)
