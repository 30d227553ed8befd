"""Calls in the truth: how often they come, and what one today adds to an order's chance."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.morning import Morning
from leadrank.world.people import People
from leadrank.world.settings import HORIZON_DAYS
from leadrank.world.truth import order_probability

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]

USUAL_CALL_RATE = 0.04  # conversations a day with an open lead


def observed_call_rate(
    people: People, lead: NDArray, day: NDArray, talks: dict[str, NDArray], days: int
) -> Floats:
    """Conversations a day in the 30 days after each row, by cell of age and waiting time.

    Args:
        people: for the leads' arrival and reach.
        lead: of each row [n].
        day: of each row [n].
        talks: the conversations' `lead` and `day`.
        days: the world's length; rows without their 30 days are not counted.
    """
    span = 1 << 12
    key = np.sort(talks["lead"].astype(np.int64) * span + talks["day"] + span // 2)
    at = lead.astype(np.int64) * span + day + span // 2
    before = np.searchsorted(key, at)
    after = np.searchsorted(key, at + HORIZON_DAYS) - before
    last = key[np.maximum(before - 1, 0)]
    since = np.where((before > 0) & (last // span == lead), at - last, 99)
    age = np.digitize(day - people.arrival[lead], [1, 4, 10, 25, 50])
    cell = age * 6 + np.digitize(since, [2, 5, 10, 20, 99])
    seen = day <= days - HORIZON_DAYS
    count = np.bincount(cell[seen], minlength=36)
    mean = np.bincount(cell[seen], after[seen], minlength=36) / np.maximum(count, 1)
    reach = people.reach[lead] / people.reach.mean()
    return (mean[cell] / HORIZON_DAYS * reach).astype(np.float32)


def probability_today(world: "Dealership", lead: NDArray) -> Floats:
    """Chance of an order within the horizon of leads on the present morning."""
    morning = Morning.now(world, lead)
    rate = USUAL_CALL_RATE * 2 * morning.reach
    return order_probability(world.settings, morning, rate)


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
