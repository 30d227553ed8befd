"""The days of a dealership: what binds, what causes what, and what two policies share."""

import numpy as np
import pytest

from leadrank.world.dealership import Dealership
from leadrank.world.policies import (
    by_true_effect,
    by_true_probability,
    habit,
    recency,
    shuffled,
)
from leadrank.world.settings import WorldSettings
from leadrank.world.state import NEVER, State

TINY = WorldSettings(leads=600, days=40, warm_up=30)


def test_the_same_seed_and_policy_give_the_same_days():
    logs = [Dealership(TINY, 1).run(20, habit).log.read("calls") for _ in range(2)]
    other = Dealership(TINY, 2).run(20, habit).log.read("calls")
    assert all((logs[0][name] == logs[1][name]).all() for name in ("lead", "day", "key"))
    assert len(other["lead"]) != len(logs[0]["lead"])


def test_policies_share_all_chance():
    """What calls do not touch is the same whoever is called."""
    one = Dealership(TINY, 1).run(30, recency).state
    two = Dealership(TINY, 1).run(30, shuffled).state
    assert (one.rival == two.rival).all()
    assert (one.household == two.household).all()
    assert (one.attempts != two.attempts).any()


def test_who_is_never_called_does_the_same_under_both():
    silent = WorldSettings(leads=600, days=40, warm_up=0, calls_per_day=0)
    one, two = (Dealership(silent, 1).run(40, policy) for policy in (recency, shuffled))
    assert (one.state.order_day == two.state.order_day).all()
    assert not len(one.log.read("calls")["lead"])


def test_a_rep_calls_the_highest_scores_as_far_as_the_day_allows():
    world = Dealership(TINY, 1)
    view = world.open_leads()
    score = np.arange(len(view), dtype=float)
    capacity, rested = world._capacity, view.since_contact > TINY.rest_days
    world.step(score)
    calls = world.log.read("calls")
    today = calls["lead"][calls["day"] == 0]
    for rep in range(len(world.staff)):
        own = np.flatnonzero((view.rep == rep) & rested)
        expected = np.sort(view.lead[own[::-1][: capacity[rep]]])
        called = today[np.isin(today, view.lead[own])]
        assert called.tolist() == expected.tolist()


@pytest.mark.parametrize("score", [np.zeros(3), np.nan])
def test_scores_that_do_not_fit_are_refused(score):
    world = Dealership(TINY, 1)
    wrong = np.full(len(world.open_leads()), score) if np.ndim(score) == 0 else score
    with pytest.raises(ValueError, match="open leads of day 0"):
        world.step(wrong)


def test_only_this_morning_can_be_seen():
    with pytest.raises(ValueError, match="morning of day 0"):
        Dealership(TINY, 1).open_leads(5)


def test_changed_leads_are_those_with_a_record_of_yesterday(dealership):
    view, log = dealership.open_leads(), dealership.log
    new = [view.lead[view.age == 0]]
    for table in ("calls", "visits", "drives", "tickets"):
        events = log.read(table)
        recent = events["day"] == dealership.day - 1
        if table == "calls":
            recent &= events["connected"].astype(bool)
        new.append(events["lead"][recent])
    expected = np.isin(view.lead, np.concatenate(new))
    assert 0 < expected.sum() < len(view)
    assert (view.changed == expected).all()


def test_open_leads_are_those_worked_on(dealership):
    view, state = dealership.open_leads(), dealership.state
    assert (state.order_day[view.lead] == NEVER).all()
    assert (state.defeat_day[view.lead] == NEVER).all()
    assert view.age.min() >= 0
    assert view.age.max() < dealership.settings.oldest
    assert set(np.unique(view.stage)) == {0, 1, 2}


def test_stages_and_lags_look_like_a_funnel(dealership):
    """Fewer at each step, and each step takes time."""
    people, state, log = dealership.people, dealership.state, dealership.log
    calls = log.read("calls")
    talked = np.unique(calls["lead"][calls["connected"].astype(bool)])
    driven = np.unique(log.read("drives")["lead"])
    ordered = log.read("orders")["lead"]
    assert len(people) > len(talked) > len(driven) > len(ordered) > 0
    waited = state.order_day[ordered] - people.arrival[ordered]
    to_drive = state.drive_day[driven] - people.arrival[driven]
    assert 3 < np.median(to_drive) < np.median(waited)
    after = state.drive_day[ordered] < state.order_day[ordered]
    assert 0.2 < after.mean() < 0.95
    assert len(log.read("tickets")["lead"]) > 0.05 * len(log.read("defeats")["lead"])


def test_those_who_order_have_the_traits_that_should_make_them():
    """In the simulated orders themselves, whatever the truth's formula says of them."""
    settings = WorldSettings(leads=4000, days=60, order_base=-7.0)
    world = Dealership(settings, 4, snapshots=False).run(60, habit)
    people, start = world.people, State.new(settings.leads, 4)
    ordered = world.state.order_day < NEVER
    assert ordered.sum() > 300
    for trait in (people.need, people.budget, people.trust):
        # Standard normal over all: a mean over n orders has a standard error of 1 / sqrt(n).
        assert trait[ordered].mean() > 4 / np.sqrt(ordered.sum())
    for good, bad in (
        (start.household == 2, start.household == 0),
        (start.rival == 3, start.rival == 2),
        (people.calling == 1, people.calling == 2),
        (people.channel == 0, people.channel == 6),
    ):
        n = min(good.sum(), bad.sum())
        rates = ordered[good].mean(), ordered[bad].mean()
        assert rates[0] > rates[1] + 3 * np.sqrt(2 * ordered.mean() / n), rates


@pytest.mark.slow
def test_a_better_order_of_calls_sells_more():
    """By true effect more than by chance, in reverse less; one world each, same chance."""
    settings = WorldSettings(leads=4000, days=60, order_base=-8.0)
    sold = {}
    for name in ("effect", "chance", "reverse", "probability"):
        world = Dealership(settings, 3, snapshots=False)
        policy = {
            "effect": by_true_effect(world),
            "chance": shuffled,
            "reverse": by_true_effect(world, sign=-1),
            "probability": by_true_probability(world),
        }[name]
        orders = world.run(settings.days, policy).log.read("orders")
        sold[name] = int((orders["day"] >= 0).sum())
    # Poisson standard errors of some 300 orders are 17, less on common random numbers.
    assert sold["effect"] > sold["chance"] + 30, sold
    assert sold["chance"] > sold["reverse"] + 30, sold
    assert sold["reverse"] < sold["probability"] < sold["effect"], sold
