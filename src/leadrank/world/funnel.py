"""What becomes of each lead, day by day, and the exact chance of an order from any day on.

The same daily probabilities drive the simulation and the truth, so the truth is exact given
everything hidden, not an estimate. Being defeated is a rep's mark, not a cause: it changes
nothing in what the customer does, and may be taken back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadrank.world.customers import Customers, Floats, Ints
from leadrank.world.parameters import HORIZON_DAYS, WorldParameters

NEVER = 1 << 30


@dataclass(frozen=True)
class Outcomes:
    """Per lead the day of each event, NEVER where it does not happen."""

    test_drive: Ints
    second_drive: Ints
    order: Ints
    defeat: Ints
    reopened: Ints

    def open_on(self, lead: Ints, day: Ints) -> NDArray[np.bool_]:
        """Whether a lead is worked on that morning: no order, and no defeat that stands."""
        lost = (self.defeat[lead] < day) & (self.reopened[lead] >= day)
        return (self.order[lead] >= day) & ~lost


def order_chance(world: WorldParameters, customers: Customers, lead: Ints, age: Ints) -> Floats:
    """Chance of an order on the day a lead has this age, before any test drive."""
    effect = customers.column_effect[lead] + customers.trait_effect[lead]
    heat = world.cold + np.exp(-age / world.cooling_days)
    return -np.expm1(-np.exp(world.order_base + effect) * heat)


def _after_drive(world: WorldParameters, chance: Floats) -> Floats:
    """The chance with the hazard times `test_drive_effect`."""
    return -np.expm1(world.test_drive_effect * np.log1p(-chance))


def _drive_chance(world: WorldParameters, customers: Customers, lead: Ints) -> Floats:
    effect = 0.5 * (customers.column_effect[lead] + customers.trait_effect[lead])
    return -np.expm1(-np.exp(world.test_drive_base + effect))


def simulate_outcomes(world: WorldParameters, customers: Customers) -> Outcomes:
    """Follow every lead for `followed_days`."""
    rng = np.random.default_rng([world.seed, 2])
    n, lead = len(customers), np.arange(len(customers))
    order, drive, second, defeat = (np.full(n, NEVER, dtype=np.int64) for _ in range(4))
    drive_chance = _drive_chance(world, customers, lead)
    effect = customers.column_effect + customers.trait_effect
    defeat_chance = -np.expm1(-np.exp(world.defeat_base - 0.4 * effect))
    for age in range(world.followed_days):
        day = customers.arrival + age
        draws = rng.random((3, n))
        chance = order_chance(world, customers, lead, np.full(n, age))
        chance = np.where(drive < day, _after_drive(world, chance), chance)
        still = order == NEVER
        drives = still & (draws[1] < drive_chance)
        second = np.where(drives & (drive < day) & (second == NEVER), day, second)
        drive = np.where(drives & (drive == NEVER), day, drive)
        order = np.where(still & (draws[0] < chance), day, order)
        lost = (order == NEVER) & (defeat == NEVER) & (draws[2] < defeat_chance)
        defeat = np.where(lost, day, defeat)
    back = (defeat < NEVER) & (rng.random(n) < world.reopened)
    wait = 5 + rng.integers(40, size=n)
    reopened = np.where(back, defeat + wait, NEVER)
    return Outcomes(drive, second, order, defeat, reopened)


def order_probability(
    world: WorldParameters, customers: Customers, outcomes: Outcomes, lead: Ints, day: Ints
) -> Floats:
    """True probability of an order within the horizon of a snapshot on the morning of `day`.

    Sums over the day of a first test drive: `fresh` and `driven` are the chances of having no
    order yet without and with one.
    """
    driven = (outcomes.test_drive[lead] < day).astype(float)
    fresh = 1.0 - driven
    drives = _drive_chance(world, customers, lead)
    for ahead in range(HORIZON_DAYS):
        age = day - customers.arrival[lead] + ahead
        chance = order_chance(world, customers, lead, age)
        chance = np.where(age < world.followed_days, chance, 0.0)
        driven = driven * (1.0 - _after_drive(world, chance))
        driven = driven + fresh * (1.0 - chance) * drives
        fresh = fresh * (1.0 - chance) * (1.0 - drives)
    return 1.0 - driven - fresh
