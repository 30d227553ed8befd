"""Tests in the simulated dealership: what is taken from two worlds is what one world shows."""

import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from leadrank.cli.abtest_simulate import run_both
from leadrank.online import assign
from leadrank.world.day_view import DayView
from leadrank.world.dealership import Dealership
from leadrank.world.settings import WorldSettings


def waiting(view: DayView, rng: np.random.Generator) -> NDArray:
    """Longest without an attempt first; no chance in it, so that worlds can be equal."""
    return view.since_attempt - 1e-6 * view.lead


def by_grade(view: DayView, rng: np.random.Generator) -> NDArray:
    return view.grade - 1e-6 * view.lead


def opened() -> Dealership:
    world = Dealership(WorldSettings(leads=2000, days=60, warm_up=30), 5, snapshots=False)
    return world.run(10, waiting)


def test_a_test_of_two_worlds_is_the_test_that_one_world_would_have_run(monkeypatch) -> None:
    monkeypatch.setattr("leadrank.cli.abtest_simulate.policy_of", lambda *_, **__: by_grade)
    world = opened()
    mixed = copy.deepcopy(world)
    both, _ = run_both(world, waiting, "by_grade", unit="rep", days=40)
    treated = assign(both.unit, both.stratum, salt="x")

    def policy(view: DayView, rng: np.random.Generator) -> NDArray:
        return np.where(treated[view.rep], by_grade(view, rng), waiting(view, rng))

    mixed.run(40, policy)
    orders = mixed.log.read("orders")
    here = orders["day"] >= 10
    table = np.zeros((len(both.unit), 40))
    np.add.at(table, (orders["rep"][here], orders["day"][here] - 10), 1)
    np.testing.assert_array_equal(both.observed(treated).orders, table)
    assert (both.control != both.treatment).any()


def test_the_same_policy_twice_differs_in_nothing(monkeypatch) -> None:
    monkeypatch.setattr("leadrank.cli.abtest_simulate.policy_of", lambda *_, **__: waiting)
    both, before = run_both(opened(), waiting, "waiting", unit="store", days=30)
    assert both.uplift == 0
    assert before == pytest.approx(both.before.sum() * 10)
    np.testing.assert_array_equal(both.control, both.treatment)
