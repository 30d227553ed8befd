"""One statement, or one date, of each conversation as pieces; many conversations at once.

A statement is made in one of several ways: outright, as an idiom, as Yes or No to a question
whose meaning is in the question, as one of two opposite clauses of which only one counts, or as
a verdict on whoever was just asked about. So what words occur says less than how they stand.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from leadrank.world import clauses
from leadrank.world.draws import hashed
from leadrank.world.facts import BOUGHT, RIVAL, ROOM, SILENT, TRUST, When, month
from leadrank.world.fragments import (
    LEVELS,
    MONTHS,
    Fragments,
    all_fragments,
    date_kinds,
    level_kinds,
)

Ints = NDArray[np.int64]
Columns = dict[str, NDArray]

#: Cumulated shares of the ways to state something; the rest are verdicts.
OUTRIGHT, IDIOM, QUESTION, CONTRAST = 0.30, 0.50, 0.70, 0.90


@cache
def bank() -> Fragments:
    """All pieces, put together once."""
    return all_fragments()


def statement(calls: Columns, topic: Ints, slot: int) -> list[Ints]:
    """Up to five pieces that state one topic of each conversation; 0 where nothing is said."""
    pieces, key = bank(), calls["key"]
    level = calls["level"][np.arange(len(topic)), topic].astype(np.int64)
    said = level != SILENT
    level = np.maximum(level, 0)
    draw = [hashed(key, 200 + 20 * slot + k) for k in range(8)]
    # A conversation's frames, and answers, lie quarters of their list apart: none comes twice.
    draw[5] = (hashed(key, 205) + np.float32(slot / ROOM)) % 1
    way = np.digitize(draw[0], [OUTRIGHT, IDIOM, QUESTION, CONTRAST])
    way = np.where(level == BOUGHT, 1, way)
    verdict = ((topic == RIVAL) | (topic == TRUST)) & (level != 1)
    way = np.where((way == 4) & ~verdict, 0, way)
    at = [np.zeros(len(topic), np.int64) for _ in range(5)]
    family = topic * LEVELS + level
    clause = pieces.pick_from(level_kinds("clause"), family, draw[1])
    # Half the time with the words that the customer always has.
    own, usual = calls["own"], draw[6] < 0.5
    opening = pieces.pick("opening", np.where(usual, hashed(own, 3), draw[2]))
    at[0] = np.where(way == 0, opening, at[0])
    at[1] = np.where((way == 0) | (way == 3), clause, at[1])
    stop = pieces.pick("stop", np.where(usual, hashed(own, 4), 0))
    at[4] = np.where((way == 0) | (way == 3), stop, at[4])
    idiom = pieces.pick_from(level_kinds("idiom"), family, draw[1])
    at[1] = np.where(way == 1, idiom, at[1])
    at[0], at[1] = _asked(at, way == 2, topic, level, draw)
    _contrast(at, way == 3, topic, level, clause, draw)
    at[0], at[1] = _verdict(at, way == 4, topic, level, draw)
    return [np.where(said, each, 0) for each in at]


def _asked(
    at: list[Ints], here: NDArray, topic: Ints, level: Ints, draw: list[NDArray]
) -> tuple[Ints, Ints]:
    """A question whose Yes is good or bad news, and the Yes or No that gives the level."""
    pieces = bank()
    good = (draw[3] < 0.5).astype(np.int64)
    question = pieces.pick_from(level_kinds("question", 2), topic * 2 + good, draw[4])
    yes = (level == 2) == (good == 1)
    kind = np.where(level == 1, 2, np.where(yes, 1, 0))
    answer = pieces.pick_from(np.array(["no", "yes", "hedge"]), kind, draw[5])
    return np.where(here, question, at[0]), np.where(here, answer, at[1])


def _contrast(
    at: list[Ints], here: NDArray, topic: Ints, level: Ints, clause: Ints, draw: list[NDArray]
) -> None:
    """Two opposite clauses, in place; the frame says which one counts."""
    pieces = bank()
    other_level = np.where(level == 1, np.where(draw[3] < 0.5, 0, 2), 2 - np.minimum(level, 2))
    other = pieces.pick_from(level_kinds("clause"), topic * LEVELS + other_level, draw[4])
    frame = (draw[5] * len(clauses.CONTRASTS)).astype(np.int64)
    first = np.array([counts for _, _, counts in clauses.CONTRASTS])[frame]
    at[0] = np.where(here, pieces.pick("contrast opening", draw[5]), at[0])
    at[1] = np.where(here, np.where(first, clause, other), at[1])
    at[2] = np.where(here, pieces.pick("contrast middle", draw[5]), at[2])
    at[3] = np.where(here, np.where(first, other, clause), at[3])


def _verdict(
    at: list[Ints], here: NDArray, topic: Ints, level: Ints, draw: list[NDArray]
) -> tuple[Ints, Ints]:
    """The same praise or complaint, of us or of the rival: praise of the rival is bad news."""
    pieces = bank()
    rival = (topic == RIVAL).astype(np.int64)
    question = pieces.pick_from(np.array(["about us", "about rival"]), rival, draw[3])
    praise = ((level == 2) != (rival == 1)).astype(np.int64)
    answer = pieces.pick_from(np.array(["bad", "good"]), praise, draw[4])
    return np.where(here, question, at[0]), np.where(here, answer, at[1])


def customer_dates(calls: Columns) -> Ints:
    """How each customer puts the date; 0 where none is named."""
    pieces, key, when = bank(), calls["key"], calls["when"].astype(np.int64)
    due = np.nan_to_num(calls["due"], nan=0.0)
    which = month(due.astype(np.int64)) % 12
    weeks = np.clip(np.rint((due - calls["day"]) / 7), 1, MONTHS).astype(np.int64) - 1
    index = (np.maximum(when, 1) - 1) * MONTHS + np.where(when == When.WEEKS, weeks, which)
    at = pieces.pick_from(date_kinds(), index, hashed(key, 114))
    return np.where(when == When.SILENT, 0, at)


def rep_dates(calls: Columns) -> Ints:
    """A date that the rep names; it means nothing."""
    ahead = (hashed(calls["key"], 115) * 4).astype(np.int64)
    which = (month(calls["day"].astype(np.int64)) + ahead) % 12
    kinds = np.array([f"rep date {m}" for m in range(MONTHS)])
    return bank().pick_from(kinds, which, hashed(calls["key"], 116))
