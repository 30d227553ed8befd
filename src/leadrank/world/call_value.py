"""What the hidden state says of a lead today: the chance of an order, and what a call adds."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.call_rates import CallRates
from leadrank.world.morning import Morning
from leadrank.world.truth import order_probability

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]

WEEK = 7


def probability_today(world: "Dealership", lead: NDArray) -> Floats:
    """Chance of an order within the horizon of leads on the present morning.

    The reps' attempts of the last seven days are shared evenly among the leads open today: a
    forecast that does not know whom the policy in charge prefers.
    """
    morning = Morning.now(world, lead)
    rate = _attempts_a_day(world) * morning.reach
    return order_probability(world.settings, morning, CallRates.even(world.settings, rate))


def _attempts_a_day(world: "Dealership") -> np.float32:
    """Attempts a day with an open lead, over the last week; 0 before the first day."""
    recent = np.count_nonzero(world.log.read("calls")["day"] >= world.day - WEEK)
    days = min(WEEK, world.day + world.settings.warm_up)
    open_leads = len(world.open_leads())
    return np.float32(recent / max(days * open_leads, 1))


def call_effect(world: "Dealership", lead: NDArray) -> Floats:
    """What an attempt to call today adds to the chance of an order within the horizon.

    reach (P(order | talked to today) - P(order | not)); calls of the days to come are left
    out of both, or the difference would count what a later call would have done as well.
    """
    morning = Morning.now(world, lead)
    left = morning.due - morning.day
    unit = np.ones(len(morning), np.float32)
    gain = laws.gain(morning.lift, unit, left, morning.fatigue)
    gain = (world.settings.call_scale * gain).astype(np.float32)
    reach = morning.reach * np.where(morning.gone, laws.CONNECT_GONE, 1.0)
    called = order_probability(world.settings, morning, added=gain)
    alone = order_probability(world.settings, morning)
    return (reach * (called - alone)).astype(np.float32)
