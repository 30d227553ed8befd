"""The day's calls: who answers, what is said, what the rep makes of it, what comes of it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.draws import Purpose, call_key, generator, normal
from leadrank.world.facts import BOUGHT, INTENT, SHORT_MINUTES, Facts, state_facts
from leadrank.world.state import NEVER

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

GRADES = np.array([-3.6, -2.6, -1.7, -0.9, -0.1, 0.8, 1.8], np.float32)
#: What became of an attempt.
NO_ANSWER, SHORT, TALKED, APPOINTMENT, REFUSED = range(5)
#: Of the true log-odds, between the levels of the topic `intent`.
INTENTS = (-1.6, 0.2)
TRAIT_CUTS = (-0.5, 0.5)  # of standard normal traits into levels


def call(world: "Dealership", called: Indices) -> None:
    """Attempts to call these leads, in place: conversations and what comes of them."""
    state, people, day = world.state, world.people, world.day
    at = called - world.block.start
    reach = people.reach[called] * np.where(state.gone[called], laws.CONNECT_GONE, 1.0)
    connected = world.draws(Purpose.CONNECT)[at] < reach
    state.attempts[called] += 1
    state.attempt_day[called] = day
    state.misses[called] += 1
    state.misses[called[connected]] = 0
    ahead = people.due[called] - day
    eta = world.eta(called)
    minutes = _minutes(world, called, at, connected, eta)
    _talk(world, called[connected], ahead[connected])
    rated = connected & (minutes >= SHORT_MINUTES)
    grade = _grade(world, called, at, rated, eta)
    key = call_key(world.seed, called, day)
    facts = state_facts(
        key, levels(world, called, eta), state.gone[called], people.due[called],
        day=day, minutes=np.where(connected, minutes, 0), misstated=world.settings.misstated,
    )  # fmt: skip
    book = _book(world, called, at, rated, eta)
    lost = _lost(world, called, at, connected, rated, facts, grade) & ~book
    _defeat(world, called[lost])
    status = np.where(rated, TALKED, NO_ANSWER)
    status = np.where(book, APPOINTMENT, np.where(lost & rated, REFUSED, status))
    status = np.where(connected & ~rated, SHORT, status).astype(np.int8)
    world.log.add(
        "calls", lead=called, day=np.full(len(called), day, np.int32),
        rep=people.rep[called], connected=connected, minutes=minutes, grade=grade,
        level=facts.level, when=facts.when, due=facts.due, key=key,
        gone=state.gone[called], state=status,
    )  # fmt: skip


def _minutes(
    world: "Dealership", called: Indices, at: Indices, connected: NDArray, eta: Floats
) -> Floats:
    """Length of each conversation: log-normal, longer with talkative and warmer leads."""
    noise = normal(world.seed, Purpose.MINUTES, world.day, world.size)[at]
    mean = 0.9 + 0.35 * world.people.talkative[called] + 0.10 * np.clip(eta, -4, 3)
    minutes = np.exp(mean + 0.8 * noise)
    return np.where(connected, np.round(minutes, 2), 0).astype(np.float32)


def _talk(world: "Dealership", leads: Indices, ahead: Floats) -> None:
    state, people = world.state, world.people
    skill = world.staff.skill[people.rep[leads]]
    added = laws.gain(people.lift[leads], skill, ahead, state.fatigue[leads])
    state.momentum[leads] += world.settings.call_scale * added
    state.fatigue[leads] += 1
    state.contacts[leads] += 1
    state.contact_day[leads] = world.day
    state.record_day[leads] = world.day


def _grade(
    world: "Dealership", called: Indices, at: Indices, rated: NDArray, eta: Floats
) -> NDArray[np.int32]:
    """The rep's grade, 1 to 8, 0 without one: the truth, the less blurred the more skilled."""
    noise = normal(world.seed, Purpose.GRADE, world.day, world.size)[at]
    skill = world.staff.skill[world.people.rep[called]]
    blurred = eta + world.settings.grade_noise * noise / skill
    grade = np.where(rated, 1 + np.digitize(blurred, GRADES), 0).astype(np.int32)
    world.state.grade[called[rated]] = grade[rated]
    return grade


def _book(
    world: "Dealership", called: Indices, at: Indices, rated: NDArray, eta: Floats
) -> NDArray[np.bool_]:
    """Whether an appointment for a test drive comes of it, some days ahead."""
    state = world.state
    book = rated & ~state.gone[called] & (state.booked[called] == NEVER)
    chance = laws.chance(laws.BOOKING_BASE + laws.BOOKING_SLOPE * eta)
    book &= world.draws(Purpose.DRIVE)[at] < chance
    draw = generator(world.seed, Purpose.DRIVE, world.day + (1 << 18)).random(world.size)[at]
    state.booked[called[book]] = world.day + (1 + (draw * 9).astype(np.int32))[book]
    return book


def _lost(
    world: "Dealership",
    called: Indices,
    at: Indices,
    connected: NDArray,
    rated: NDArray,
    facts: Facts,
    grade: NDArray,
) -> NDArray[np.bool_]:
    """Whom the rep gives up, rightly or wrongly."""
    bought = facts.level[:, INTENT] == BOUGHT
    chance = np.where(bought, 0.85, np.where(rated & (grade <= 2), 0.12, 0.0))
    chance = np.where(~connected & (world.state.misses[called] >= 4), 0.15, chance)
    return world.draws(Purpose.DEFEAT)[at] < chance


def _defeat(world: "Dealership", leads: Indices) -> None:
    """Mark leads as lost, in place."""
    world.state.defeat_day[leads] = world.day
    world.state.record_day[leads] = world.day
    world.log.add("defeats", lead=leads, day=np.full(len(leads), world.day, np.int32))


def levels(world: "Dealership", leads: Indices, eta: Floats) -> NDArray[np.int8]:
    """The true level of each topic of `facts.TOPICS` [leads topics]."""
    state, people = world.state, world.people
    return np.stack(
        [
            np.array([2, 1, 0, 2])[state.rival[leads]],
            state.household[leads],
            np.digitize(people.budget[leads], TRAIT_CUTS),
            np.digitize(people.trust[leads], TRAIT_CUTS),
            np.digitize(people.need[leads], TRAIT_CUTS),
            np.digitize(eta, INTENTS),
            np.array([2, 1, 0])[people.calling[leads]],
        ],
        axis=1,
    ).astype(np.int8)
