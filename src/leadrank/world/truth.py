"""The true chance of an order within the horizon, given everything hidden: `oracle_world`.

The customers' laws are integrated forward from the morning of the snapshot over all states that
a customer may pass through (rival, household, test drive, talked to since), so nothing is
estimated there. Whom the reps will call depends on all other leads: calls to come enter by the
rate at which leads like this one were called (`call_rates`), whatever becomes of the customer
until then, and what they do by groups of momentum (`talked`). That is the approximation.
"""

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.call_rates import CallRates
from leadrank.world.morning import Morning
from leadrank.world.settings import HORIZON_DAYS, WorldSettings
from leadrank.world.talked import Talked

Floats = NDArray[np.float32]

CHUNK = 3_000  # rows at a time: their states stay in the processor's cache


def order_probability(
    settings: WorldSettings,
    morning: Morning,
    rates: CallRates | None = None,
    added: Floats | None = None,
) -> Floats:
    """Chance of an order within HORIZON_DAYS of each morning [n].

    Args:
        settings: the laws.
        morning: hidden states [n].
        rates: of the conversations to come [n]; none by default.
        added: what a conversation today adds to the momentum [n]; none by default.
    """
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(morning), CHUNK):
        rows = slice(start, start + CHUNK)
        coming = None if rates is None else rates[rows]
        parts.append(
            _forward(settings, morning[rows], coming, 0 if added is None else added[rows])
        )
    return np.concatenate(parts)


def _forward(
    settings: WorldSettings, morning: Morning, rates: CallRates | None, added: Floats | int
) -> Floats:
    """Carry the weights of those who have not ordered yet over the days of the horizon."""
    talked = None if rates is None else Talked(settings, morning, rates)
    weight = _start(morning, cohorts=1 if talked is None else 2)
    factor = np.exp(_effects(settings))[None]
    ordered = np.zeros(len(morning), np.float32)
    for ahead in range(HORIZON_DAYS):
        day = morning.day + ahead
        left = morning.due - day
        mood = ((morning.momentum + added) * np.float32(laws.MOMENTUM_KEPT**ahead))[None]
        raised = mood
        if talked is not None:
            _move(weight, talked.pass_day(left, ahead))
            mean, effect = talked.momentum()
            mood, raised = (np.concatenate([mood, mood + more]) for more in (mean, effect))
        own = morning.fixed + laws.timing(left) + raised
        eta = np.exp(own.astype(np.float32))[:, None, None, None, :] * factor
        season = np.float32(laws.season(day.astype(int)))
        odds = eta * np.exp(settings.order_base + season)
        order = odds / (1 + odds) * (day - morning.arrival < settings.oldest)
        ordered += (weight * order).sum(axis=(0, 1, 2, 3))
        weight *= 1 - order
        drives = _drives(settings, eta[:, :, :, 0], talked)
        _move(weight.transpose(3, 0, 1, 2, 4), np.where(morning.booked <= day, 1, drives))
        leaving = laws.gone_log_odds(settings.gone_base, morning.trust, mood, left)
        stay = 1 - laws.chance(leaving[:, None] + laws.RIVAL_GONE[:, None])
        weight *= stay[:, :, None, None]
        weight = _pass_night(weight)
    return ordered


def _move(weight: Floats, share: Floats) -> None:
    """A share of the first entry of `weight` passes to the second, in place."""
    moved = weight[0] * share
    weight[1] += moved
    weight[0] -= moved


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


def _drives(settings: WorldSettings, eta: Floats, talked: Talked | None) -> Floats:
    """Chances of a first test drive today, unasked or by appointment since the morning.

    `eta`: exp of the log-odds [cohort rival household n] of who has not driven. An appointment
    is made with the odds before the conversation: for the first, those of cohort 0.
    """
    alone = np.exp(np.float32(settings.drive_base)) * eta ** np.float32(laws.DRIVE_SLOPE)
    drives = alone / (1 + alone)
    if talked is not None:
        made = np.exp(np.float32(laws.BOOKING_BASE)) * eta ** np.float32(laws.BOOKING_SLOPE)
        talks = talked.appointments()[:, None, None]
        drives[1] += (talks * made / (1 + made)).sum(0)
    return np.minimum(drives, 1)


def _pass_night(weight: Floats) -> Floats:
    """Rival and household change as the chains say."""
    rival = np.tensordot(laws.RIVAL_STEP.T.astype(np.float32), weight, axes=(1, 1))
    house = np.tensordot(laws.HOUSE_STEP.T.astype(np.float32), rival, axes=(1, 2))
    return np.ascontiguousarray(house.transpose(2, 1, 0, 3, 4))
