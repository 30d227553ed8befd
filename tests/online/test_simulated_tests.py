"""Tests in the simulated dealership: what is taken from two worlds is what one world shows."""

import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from leadrank.cli.abtest_policies import policy_of
from leadrank.cli.abtest_simulate import run_both
from leadrank.online import Potential, assign
from leadrank.world.day_view import DayView, Policy
from leadrank.world.dealership import Dealership
from leadrank.world.policies import habit, recency, scorecard
from leadrank.world.settings import WorldSettings


def opened(policy: Policy = recency) -> Dealership:
    world = Dealership(WorldSettings(leads=2000, days=60, warm_up=30), 5, snapshots=False)
    return world.run(10, policy)


def mixed_orders(world: Dealership, both: Potential, policy: Policy) -> NDArray:
    """Orders by rep and day of 40 days of one world under a policy for all."""
    start = world.day
    orders = world.run(40, policy).log.read("orders")
    here = orders["day"] >= start
    table = np.zeros((len(both.unit), 40))
    np.add.at(table, (orders["rep"][here], orders["day"][here] - start), 1)
    return table


@pytest.mark.parametrize("name", ["scorecard", "shuffled", "longest_waiting", "true_effect"])
def test_a_test_of_two_worlds_is_the_test_that_one_world_would_have_run(name: str) -> None:
    """Lots are each lead's own, so nobody's orders depend on other reps' policy."""
    world = opened()
    mixed = copy.deepcopy(world)
    both, _ = run_both(world, recency, name, unit="rep", days=40)
    treated = assign(both.unit, both.stratum, salt="x")
    treatment = policy_of(name, mixed, base=None)

    def policy(view: DayView) -> NDArray:
        return np.where(treated[view.rep], treatment(view), recency(view))

    found = mixed_orders(mixed, both, policy)
    np.testing.assert_array_equal(both.observed(treated).orders, found)
    assert (both.control != both.treatment).any()


def test_one_rep_on_another_policy_changes_no_other_reps_orders() -> None:
    start = opened(habit)
    both, _ = run_both(copy.deepcopy(start), habit, "scorecard", unit="rep", days=40)

    def policy(view: DayView) -> NDArray:
        return np.where(view.rep == 0, scorecard(view), habit(view))

    found = mixed_orders(start, both, policy)
    np.testing.assert_array_equal(found[1:], both.control[1:])
    np.testing.assert_array_equal(found[0], both.treatment[0])


def test_lots_are_each_leads_own() -> None:
    world = opened()
    whole = world.open_leads()
    some = DayView(world, whole.lead[::3])
    np.testing.assert_array_equal(some.chance, whole.chance[::3])
    assert 0 < whole.chance.min() < whole.chance.max() < 1
    # Uniform: a mean of n numbers with variance 1/12; 4 standard errors.
    assert abs(whole.chance.mean() - 0.5) < 4 / np.sqrt(12 * len(whole))
    world.run(1, recency)
    tomorrow = world.open_leads()
    _, before, after = np.intersect1d(whole.lead, tomorrow.lead, return_indices=True)
    assert (whole.chance[before] != tomorrow.chance[after]).mean() > 0.99


def test_the_same_policy_twice_differs_in_nothing() -> None:
    both, before = run_both(opened(), recency, "recency", unit="store", days=30)
    assert both.uplift == 0
    assert before == pytest.approx(both.before.sum() * 10)
    np.testing.assert_array_equal(both.control, both.treatment)
