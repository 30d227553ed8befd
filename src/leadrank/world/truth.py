"""The true chance of an order within the horizon, given everything hidden: `oracle_world`.

The customers' laws are integrated forward from the morning of the snapshot over all states that
a customer may pass through (rival, household, test drive, talked to since), so nothing is
estimated there. Whom the reps will call depends on all other leads: calls to come enter by
their rate, and the momentum of those talked to since by its mean. That is the approximation.
"""

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.morning import Morning
from leadrank.world.settings import HORIZON_DAYS, WorldSettings

Floats = NDArray[np.float32]

CHUNK = 6_000  # rows at a time: their states stay in the processor's cache


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
