"""What customers do on a day, called or not, and how their minds change overnight."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.draws import Purpose, call_key
from leadrank.world.state import NEVER, State

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

SWEPT = 0.005  # share of the defeats that a manager takes back on a day
OTHER_VISITS = 0.1  # of those who bought elsewhere: they come in less often


def pass_evening(world: "Dealership") -> None:
    """Test drives, orders, visits, defeats taken back, leads lost to others, in place."""
    block = world.block
    leads = np.arange(block.start, block.stop)
    here = world.state.of(block)
    alive = ~here.gone & (here.order_day == NEVER)
    eta = world.eta(leads)
    _drive(world, leads, alive, eta)
    log_odds = world.settings.order_base + eta + np.float32(laws.season(world.day))
    ordered = alive & (world.draws(Purpose.ORDER) < laws.chance(log_odds))
    _order_cars(world, leads[ordered])
    came = _visit(world, leads, alive, ordered, eta)
    _reopen(world, leads, came | ordered)
    _leave(world, here, alive & ~ordered, leads)
    here.rival[:] = laws.step_state(here.rival, laws.RIVAL_STEP, world.draws(Purpose.RIVAL))
    here.household[:] = laws.step_state(
        here.household, laws.HOUSE_STEP, world.draws(Purpose.HOUSEHOLD)
    )
    here.momentum[:] *= laws.MOMENTUM_KEPT
    here.fatigue[:] *= laws.FATIGUE_KEPT


def _drive(world: "Dealership", leads: Indices, alive: NDArray, eta: Floats) -> None:
    """Test drives: those booked for today, and those unasked."""
    state, day = world.state, world.day
    alone = laws.chance(world.settings.drive_base + laws.DRIVE_SLOPE * eta)
    unasked = world.draws(Purpose.DRIVE) > 1 - alone
    drivers = leads[alive & ((state.booked[leads] <= day) | unasked)]
    state.drive_day[drivers] = np.minimum(state.drive_day[drivers], day)
    state.drives[drivers] += 1
    state.booked[drivers] = NEVER
    state.record_day[drivers] = day
    key = call_key(world.seed, drivers, day)
    other = (key >> np.uint64(61)) == 0  # one in eight drives another model
    own = world.people.model[drivers]
    model = np.where(other, (key >> np.uint64(40)) % np.uint64(7), own)
    world.log.add(
        "drives", lead=drivers, day=np.full(len(drivers), day, np.int32),
        model=model.astype(np.int8),
        kind=((key >> np.uint64(50)) % np.uint64(3)).astype(np.int8),
    )  # fmt: skip


def _order_cars(world: "Dealership", leads: Indices) -> None:
    world.state.order_day[leads] = world.day
    rep = world.people.rep[leads]
    world.totals[1] += np.bincount(rep, minlength=len(world.staff))
    world.log.add(
        "orders", lead=leads, day=np.full(len(leads), world.day, np.int32), rep=rep,
        store=world.people.store[leads],
    )  # fmt: skip


def _visit(
    world: "Dealership", leads: Indices, alive: NDArray, ordered: NDArray, eta: Floats
) -> NDArray[np.bool_]:
    """Who comes in, or writes, unasked."""
    state = world.state
    chance = laws.chance(world.settings.visit_base + 0.35 * eta)
    chance = np.where(alive | ordered, chance, OTHER_VISITS * chance)
    came = (world.draws(Purpose.VISIT) < chance) & (state.order_day[leads] == NEVER)
    visitors = leads[came]
    state.visits[visitors] += 1
    state.visit_day[visitors] = world.day
    state.record_day[visitors] = world.day
    first = visitors[state.visits[visitors] == 1]
    world.totals[2] += np.bincount(world.people.rep[first], minlength=len(world.staff))
    world.log.add("visits", lead=visitors, day=np.full(len(visitors), world.day, np.int32))
    return came


def _reopen(world: "Dealership", leads: Indices, came: NDArray) -> None:
    """A defeat is taken back when the customer returns, or now and then by the manager."""
    state, day = world.state, world.day
    lost = (state.defeat_day[leads] < day) & (state.order_day[leads] >= day)
    swept = world.draws(Purpose.REOPEN) < SWEPT
    back = leads[lost & (came | swept)]
    state.defeat_day[back] = NEVER
    state.misses[back] = 0
    state.record_day[back] = day
    world.log.add("tickets", lead=back, day=np.full(len(back), day, np.int32))


def _leave(world: "Dealership", here: State, alive: NDArray, leads: Indices) -> None:
    people = world.people
    log_odds = laws.gone_log_odds(
        world.settings.gone_base, people.trust[leads], here.momentum,
        people.due[leads] - world.day,
    )  # fmt: skip
    chance = laws.chance(log_odds + laws.RIVAL_GONE[here.rival])
    here.gone[alive & (world.draws(Purpose.GONE) < chance)] = True
