"""The true chance of an order within the horizon, given everything hidden: `oracle_world`.

The customers' laws are integrated forward from the morning of the snapshot over all states that
a customer may pass through (rival, household, test drive, talked to since), so nothing is
estimated there. Whom the reps will call depends on all other leads: calls to come enter by
their rate, and the momentum of those talked to since by its mean. That is the approximation.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.people import People
from leadrank.world.settings import HORIZON_DAYS, WorldSettings

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]

USUAL_CALL_RATE = 0.04  # conversations a day with an open lead
CHUNK = 6_000  # rows at a time: their states stay in the processor's cache


@dataclass(frozen=True)
class Morning:
    """The hidden state of some leads on some morning; one entry per row [n]."""

    arrival: Floats
    day: Floats
    due: Floats
    fixed: Floats
    trust: Floats
    lift: Floats  # times the rep's skill
    reach: Floats
    rival: NDArray[np.int8]
    household: NDArray[np.int8]
    momentum: Floats
    fatigue: Floats
    driven: NDArray[np.bool_]
    booked: Floats
    gone: NDArray[np.bool_]

    @classmethod
    def of(cls, world: "Dealership", state: dict[str, NDArray]) -> Self:
        """From entries of the log's table `rows`."""
        people, lead = world.people, state["lead"]
        skill = world.staff.skill[people.rep[lead]]
        return cls(
            people.arrival[lead].astype(np.float32), state["day"].astype(np.float32),
            people.due[lead], people.fixed[lead], people.trust[lead],
            people.lift[lead] * skill, people.reach[lead], state["rival"], state["household"],
            state["momentum"], state["fatigue"], state["driven"],
            state["booked"].astype(np.float32), state["gone"],
        )  # fmt: skip

    @classmethod
    def now(cls, world: "Dealership", lead: NDArray) -> Self:
        """The state of leads on the dealership's present morning."""
        state = world.state
        return cls.of(
            world,
            {
                "lead": lead, "day": np.full(len(lead), world.day),
                "driven": state.drives[lead] > 0,
                **{
                    name: getattr(state, name)[lead]
                    for name in ("rival", "household", "momentum", "fatigue", "booked", "gone")
                },
            },
        )  # fmt: skip

    def __getitem__(self, rows: slice) -> "Morning":
        return Morning(**{name: values[rows] for name, values in vars(self).items()})

    def __len__(self) -> int:
        return len(self.day)


def order_probability(
    settings: WorldSettings,
    morning: Morning,
    call_rate: Floats | None = None,
    added: Floats | None = None,
) -> Floats:
    """Chance of an order within HORIZON_DAYS of each morning [n].

    Args:
        settings: the laws.
        morning: hidden states [n].
        call_rate: conversations expected a day [n]; none by default.
        added: what a conversation today adds to the momentum [n]; none by default.
    """
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(morning), CHUNK):
        rows = slice(start, start + CHUNK)
        rate = None if call_rate is None else call_rate[rows]
        parts.append(
            _forward(settings, morning[rows], rate, 0 if added is None else added[rows])
        )
    return np.concatenate(parts)


def _forward(
    settings: WorldSettings, morning: Morning, call_rate: Floats | None, added: Floats | int
) -> Floats:
    """Carry the weights of those who have not ordered yet over the days of the horizon."""
    weight = _start(morning, cohorts=1 if call_rate is None else 2)
    factor = np.exp(_effects(settings))[None]
    ordered = np.zeros(len(morning), np.float32)
    calls = None if call_rate is None else _Calls(settings, morning, call_rate)
    for ahead in range(HORIZON_DAYS):
        day = morning.day + ahead
        left = morning.due - day
        mood = (morning.momentum + added) * np.float32(laws.MOMENTUM_KEPT**ahead)
        own = morning.fixed + laws.timing(left) + mood
        momenta = own[None]
        if calls is not None:
            momenta = np.stack([own, own + calls.pass_day(weight, left, ahead)])
        eta = np.exp(momenta.astype(np.float32))[:, None, None, None, :] * factor
        season = np.float32(laws.season(day.astype(int)))
        odds = eta * np.exp(settings.order_base + season)
        order = odds / (1 + odds) * (day - morning.arrival < settings.oldest)
        ordered += (weight * order).sum(axis=(0, 1, 2, 3))
        weight *= 1 - order
        _pass_drives(weight, settings, eta[:, :, :, 0], morning.booked <= day)
        leaving = laws.gone_log_odds(settings.gone_base, morning.trust, mood, left)
        weight *= (1 - laws.chance(leaving + laws.RIVAL_GONE[:, None]))[None, :, None, None]
        weight = _pass_night(weight)
    return ordered


def _start(morning: Morning, *, cohorts: int) -> Floats:
    """Weights [cohort rival household driven n]: cohort 1 has been talked to since."""
    weight = np.zeros((cohorts, 4, 3, 2, len(morning)), np.float32)
    driven, rows = morning.driven.astype(np.int8), np.arange(len(morning))
    weight[0, morning.rival, morning.household, driven, rows] = ~morning.gone
    return weight


def _effects(settings: WorldSettings) -> Floats:
    """Effects of the states [rival household driven 1]."""
    drive = np.array([0, settings.drive_effect], np.float32)
    return (
        laws.RIVAL_EFFECT[:, None, None, None]
        + laws.HOUSE_EFFECT[None, :, None, None]
        + drive[None, None, :, None]
    )


class _Calls:
    """Conversations to come, one row each [n]: their share, and the mean of their effect."""

    def __init__(self, settings: WorldSettings, morning: Morning, rate: Floats) -> None:
        self.morning, self.rate, self.scale = morning, rate, settings.call_scale
        self.mean = np.zeros(len(morning), np.float32)
        self.none = np.ones(len(morning), np.float32)  # share not talked to yet

    def pass_day(self, weight: Floats, left: Floats, ahead: int) -> Floats:
        """Moves the day's share to cohort 1 and books its test drives; its mean momentum."""
        unit = np.ones_like(left)
        fatigue = self.morning.fatigue * np.float32(laws.FATIGUE_KEPT**ahead)
        first = self.scale * laws.gain(self.morning.lift, unit, left, fatigue)
        again = self.scale * laws.gain(self.morning.lift, unit, left, 0.4 * unit)
        new = self.rate * self.none
        self.mean *= np.float32(laws.MOMENTUM_KEPT)
        self.mean = (self.mean + self.rate * again) * (1 - self.none) + new * first
        self.none = self.none - new
        self.mean /= np.maximum(1 - self.none, np.float32(1e-9))
        moved = weight[0] * self.rate
        weight[1] += moved
        weight[0] -= moved
        return self.mean


def _pass_drives(
    weight: Floats, settings: WorldSettings, eta: Floats, booked: NDArray[np.bool_]
) -> None:
    """Test drives of the day, in place: those booked, and those unasked.

    `eta`: exp of the log-odds [cohort rival household n] of who has not driven. Who was talked
    to since may have an appointment: their chance is spread over a fortnight.
    """
    alone = np.exp(np.float32(settings.drive_base)) * eta ** np.float32(laws.DRIVE_SLOPE)
    drives = alone / (1 + alone)
    if len(weight) == 2:
        asked = np.exp(np.float32(laws.BOOKING_BASE)) * np.sqrt(eta[1])
        drives[1] += asked / (1 + asked) / 14
    drives = np.where(booked, np.float32(1), np.minimum(drives, 1))
    moved = weight[..., 0, :] * drives
    weight[..., 1, :] += moved
    weight[..., 0, :] -= moved


def _pass_night(weight: Floats) -> Floats:
    """Rival and household change as the chains say."""
    rival = np.tensordot(laws.RIVAL_STEP.T.astype(np.float32), weight, axes=(1, 1))
    house = np.tensordot(laws.HOUSE_STEP.T.astype(np.float32), rival, axes=(1, 2))
    return np.ascontiguousarray(house.transpose(2, 1, 0, 3, 4))


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
