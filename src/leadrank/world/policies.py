"""Policies: a score for each open lead; a rep calls the highest first.

The first five see what a CRM holds. `by_true_effect` and `by_true_probability` see the hidden
state: yardsticks of what an order of calls can be worth, no rivals. Lots are `view.chance`,
each lead's own: another open lead elsewhere changes nobody's.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from leadrank.world.day_view import DayView, Policy

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership


def recency(view: DayView) -> NDArray:
    """Who gave the latest sign of life first."""
    return -view.since_record + view.chance


def longest_waiting(view: DayView) -> NDArray:
    """Who was not called for longest first."""
    return view.since_attempt + view.chance


def shuffled(view: DayView) -> NDArray:
    """Chance."""
    return view.chance


def scorecard(view: DayView) -> NDArray:
    """Funnel and recency: the rep's grade, a test drive, unasked visits, a fresh record."""
    grade = np.where(view.grade == 0, 4, view.grade)
    fresh = 2.0 * np.exp(-view.since_record / 7.0)
    return grade + 2.0 * (view.stage == 2) + view.visits + fresh + 0.1 * view.chance


def habit(view: DayView) -> NDArray:
    """What reps do by themselves: new leads, then grade and waiting time, and much whim."""
    new = 6.0 * (view.attempts == 0)
    waiting = np.minimum(view.since_attempt, 21) / 5.0
    grade = np.where(view.grade == 0, 4, view.grade) / 2.0
    return new + waiting + grade + 1.5 * ndtri(view.chance)


def by_true_effect(dealership: "Dealership", *, sign: float = 1.0) -> Policy:
    """Who gains most from a call today first (`sign=-1`: last); see `call_value`."""
    from leadrank.world.call_value import call_effect

    def policy(view: DayView) -> NDArray:
        return sign * call_effect(dealership, view.lead) + 1e-9 * view.chance

    return policy


def by_true_probability(dealership: "Dealership") -> Policy:
    """Who is likeliest to order within the horizon first."""
    from leadrank.world.call_value import probability_today

    def policy(view: DayView) -> NDArray:
        return probability_today(dealership, view.lead) + 1e-9 * view.chance

    return policy
