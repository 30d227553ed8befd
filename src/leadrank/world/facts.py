"""What a customer states in a conversation: the truth at that moment, mostly, and in part.

This is what a perfect reader would take from the text; how it is said is in `text`. Levels are
0 (speaks against an order), 1 and 2 (speaks for one), SILENT where the topic did not come up.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from leadrank.world.draws import hashed
from leadrank.world.settings import START

Floats = NDArray[np.float32]
Levels = NDArray[np.int8]

TOPICS = ("rival", "household", "budget", "trust", "need", "intent", "calling")
RIVAL, HOUSEHOLD, BUDGET, TRUST, NEED, INTENT, CALLING = range(len(TOPICS))
#: Chance that a topic comes up in a conversation of usual length.
MENTIONED = (0.60, 0.55, 0.55, 0.50, 0.50, 0.50, 0.30)
DATE_MENTIONED = 0.65
SILENT = -1
BOUGHT = 3  # of the topic intent: has bought elsewhere
TELLS_BOUGHT = 0.7
ROOM = 4  # topics in one conversation
SHORT_MINUTES = 0.5  # below it nothing is said


class When(IntEnum):
    """How a date is put into words."""

    SILENT = 0
    NOW = 1
    WEEK = 2
    WEEKS = 3
    THIS_MONTH = 4
    NEXT_MONTH = 5
    MONTH = 6
    NO_DATE = 7
    OVERDUE = 8


@dataclass(frozen=True)
class Facts:
    """Of each conversation: levels [n topics], how a date was put, and the day it means."""

    level: Levels
    when: Levels
    due: Floats  # day of the world; NaN without one


_FIRST, _LAST = -400, 2400
_DATES = [START + timedelta(days=day) for day in range(_FIRST, _LAST)]
_MONTH = np.array([date.year * 12 + date.month - 1 for date in _DATES])
_MONTH_MIDDLE = np.array([day + 15 - date.day for day, date in enumerate(_DATES, _FIRST)])


def month(day: NDArray[np.integer]) -> NDArray[np.int64]:
    """Months since year 0 of days of the world."""
    return _MONTH[np.clip(day - _FIRST, 0, len(_MONTH) - 1)]


def month_middle(day: NDArray[np.integer]) -> NDArray[np.int64]:
    """The 15th of the month of days of the world, as a day of the world."""
    return _MONTH_MIDDLE[np.clip(day - _FIRST, 0, len(_MONTH_MIDDLE) - 1)]


def state_facts(
    key: NDArray[np.uint64],
    level: Levels,
    gone: NDArray[np.bool_],
    due: Floats,
    *,
    day: int,
    minutes: Floats,
    misstated: float,
) -> Facts:
    """What is stated on `day` by customers whose true levels are `level` [n topics].

    In a longer conversation more comes up. A misstated level is any level, a misstated date one
    that is days to months off; some who have bought elsewhere say so, and then little else.
    """
    longer = np.clip(0.55 + 0.15 * minutes, 0.0, 1.5) * (minutes >= SHORT_MINUTES)
    stated = np.full_like(level, SILENT)
    for topic, share in enumerate(MENTIONED):
        says = hashed(key, topic) < share * longer
        wrong = hashed(key, 20 + topic) < misstated
        other = (hashed(key, 40 + topic) * 3).astype(np.int8)
        stated[:, topic] = np.where(
            says, np.where(wrong, other, level[:, topic]), np.int8(SILENT)
        )
    _keep_room(stated, key)
    tells = gone & (minutes >= SHORT_MINUTES) & (hashed(key, 60) < TELLS_BOUGHT)
    stated[tells] = SILENT
    stated[tells, INTENT] = BOUGHT
    dated = ~tells & (hashed(key, 61) < DATE_MENTIONED * longer)
    shift = np.where(hashed(key, 62) < misstated, 90 * hashed(key, 63) - 30, 0)
    when, said = _put_into_words(key, due + shift.astype(np.float32), day)
    when = np.where(dated, when, np.int8(When.SILENT))
    return Facts(stated, when, np.where(dated, said, np.float32(np.nan)))


def _keep_room(stated: Levels, key: NDArray[np.uint64]) -> None:
    """No conversation has room for more topics, in place."""
    draws = np.stack([hashed(key, 80 + topic) for topic in range(len(TOPICS))], axis=1)
    order = np.argsort(draws + 2 * (stated == SILENT), axis=1)[:, ROOM:]
    np.put_along_axis(stated, order, np.int8(SILENT), axis=1)


def _put_into_words(key: NDArray[np.uint64], due: Floats, day: int) -> tuple[Levels, Floats]:
    """How each date is said, and the day that these words mean when said on `day`."""
    ahead = np.nan_to_num(due - day, nan=0.0)
    weeks = np.maximum(1, np.rint(ahead / 7))
    target = (day + ahead).astype(np.int64)
    months = month(target) - month(np.array([day]))[0]
    choice = hashed(key, 64)
    kind = np.full(len(key), When.MONTH, np.int8)
    kind[(months == 0) & (choice < 0.5)] = When.THIS_MONTH
    kind[(months == 1) & (choice < 0.6)] = When.NEXT_MONTH
    kind[(ahead <= 60) & (choice >= 0.65)] = When.WEEKS
    kind[ahead <= 10] = When.WEEK
    kind[ahead <= 4] = When.NOW
    kind[ahead < -4] = When.OVERDUE
    meant = month_middle(target).astype(np.float32)
    meant[kind == When.WEEKS] = (day + 7 * weeks)[kind == When.WEEKS]
    meant[kind == When.WEEK] = day + 7
    meant[kind == When.NOW] = day + 2
    meant[kind == When.OVERDUE] = day - 15
    without = np.isnan(due)
    kind[without] = When.NO_DATE
    meant[without] = np.nan
    return kind, meant
