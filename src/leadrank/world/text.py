"""Conversations and notes in English, put together from pieces; many at once.

A statement is made in one of several ways: outright, as an idiom, as Yes or No to a question
whose meaning is in the question, as one of two opposite clauses of which only one counts, or as
a verdict on whoever was just asked about. So what words occur says less than how they stand.
Everything is a function of the conversation's key: the same world, the same bytes.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.world import clauses, small_talk
from leadrank.world.columns import customer_ids, times
from leadrank.world.draws import hashed
from leadrank.world.facts import BOUGHT, RIVAL, ROOM, SHORT_MINUTES, SILENT, TRUST, When, month
from leadrank.world.fragments import (
    LEVELS,
    MONTHS,
    Fragments,
    all_fragments,
    date_kinds,
    level_kinds,
)

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Ints = NDArray[np.int64]
Columns = dict[str, NDArray]

NOTE_SLOTS = 2
CHUNK = 100_000
#: Shares of conversations kept as a note only, as a transcript and a note; the rest have the
#: transcript.
NOTE_ONLY, BOTH = 0.25, 0.15
#: Cumulated shares of the ways to state something.
OUTRIGHT, IDIOM, QUESTION, CONTRAST = 0.22, 0.40, 0.64, 0.90


def call_events(world: "Dealership", lead: NDArray | None = None) -> pl.DataFrame:
    """What was written down of conversations: columns of the CRM's table of calls.

    Args:
        world: the dealership; its log so far.
        lead: only of these leads; all by default.
    """
    calls = world.log.read("calls")
    chosen = calls["connected"].astype(bool)
    if lead is not None:
        chosen &= np.isin(calls["lead"], lead)
    at = np.flatnonzero(chosen)
    parts = [
        _events(world, {name: values[at[i : i + CHUNK]] for name, values in calls.items()})
        for i in range(0, max(len(at), 1), CHUNK)
    ]
    return pl.concat(parts).sort("at", "customer_account_id", "author", maintain_order=True)


def note_only(key: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether a conversation left a rep's note and no transcript."""
    return hashed(key, 70) < NOTE_ONLY


def written_levels(calls: Columns) -> NDArray[np.int8]:
    """The levels that each text states [n topics]; a note has room for two."""
    level = calls["level"].copy()
    order = _order(calls)
    room = np.where(note_only(calls["key"]), NOTE_SLOTS, ROOM)
    hidden = np.arange(level.shape[1])[None, :] >= room[:, None]
    rows = np.arange(len(level))[:, None]
    level[rows, order] = np.where(hidden, np.int8(SILENT), level[rows, order])
    return level


def _order(calls: Columns) -> Ints:
    """Topics of each conversation in the order in which they come up; silent ones last."""
    draws = np.stack([hashed(calls["key"], 80 + k) for k in range(calls["level"].shape[1])], 1)
    return np.argsort(draws + 2 * (calls["level"] == SILENT), axis=1)


def _events(world: "Dealership", calls: Columns) -> pl.DataFrame:
    key, lead = calls["key"], calls["lead"]
    second = 9 * 3600 + (hashed(key, 71) * 9 * 3600).astype(np.int64)
    frame = pl.DataFrame(
        {
            "customer_account_id": customer_ids(lead),
            "at": times(calls["day"], second),
            "call": _transcripts(world, calls),
            "note": _notes(world, calls),
        }
    )
    only, both = note_only(key), hashed(key, 70) > 1 - BOTH
    talked = calls["minutes"] >= SHORT_MINUTES
    transcript = frame.filter(pl.Series(~(only & talked)))
    note = frame.filter(pl.Series((only | both) & talked)).with_columns(
        pl.col("at") + pl.duration(minutes=20)
    )
    return pl.concat([_event(transcript, "call"), _event(note, "note")])


def _event(frame: pl.DataFrame, author: str) -> pl.DataFrame:
    return frame.select(
        "customer_account_id", "at", pl.lit(author).alias("author"),
        pl.col(author).alias("text"),
    )  # fmt: skip


@cache
def _pieces() -> Fragments:
    return all_fragments()


def _transcripts(world: "Dealership", calls: Columns) -> pl.Series:
    pieces, key = _pieces(), calls["key"]
    n = len(key)
    warm = world.people.warmth[calls["lead"]] + 0.5 * (hashed(key, 100) - 0.5) > 0
    turns = [
        pieces.texts(pieces.pick("greeting", hashed(key, 101))),
        pieces.texts(
            pieces.pick_from(
                np.array(["answers_curt", "answers_warm"]), warm * 1, hashed(key, 102)
            )
        ),
        _some(pieces, "customer_talk", key, 103, 0.5),
    ]
    order = _order(calls)
    early = hashed(key, 104) < 0.5
    dates = _dates(calls)
    turns.append(pieces.texts(np.where(early, dates, 0)))
    for slot in range(ROOM):
        turns += [pieces.texts(at) for at in _statement(calls, order[:, slot], slot)]
        if slot == 0:
            turns.append(_some(pieces, "rep_talk", key, 105, 0.6))
            turns.append(pieces.texts(_rep_dates(calls)))
        if slot == 1:
            turns.append(_some(pieces, "customer_talk", key, 107, 0.4))
            turns.append(pieces.texts(np.where(early, 0, dates)))
    turns.append(_some(pieces, "rep_talk", key, 109, 0.3))
    booked = pieces.pick("appointment", hashed(key, 111))
    turns.append(pieces.texts(np.where(calls["state"] == 3, booked, 0)))
    turns.append(
        pieces.texts(
            pieces.pick_from(
                np.array(["closings_curt", "closings_warm"]), warm * 1, hashed(key, 112)
            )
        )
    )
    names = [f"t{i}" for i in range(len(turns))]
    text = pl.DataFrame(turns, schema=names).select(pl.concat_str(names)).to_series()
    brief = pieces.texts(pieces.pick("one_word", hashed(key, 113)))
    short = pl.Series(calls["minutes"] < SHORT_MINUTES)
    text = pl.select(pl.when(short).then(brief).otherwise(text)).to_series()
    assert len(text) == n
    return _misheard(_filled(world, text, calls), key)


def _some(pieces: Fragments, kind: str, key: NDArray, k: int, share: float) -> pl.Series:
    at = pieces.pick(kind, hashed(key, k))
    return pieces.texts(np.where(hashed(key, k + 1) < share, at, 0))


def _statement(calls: Columns, topic: Ints, slot: int) -> list[Ints]:
    """Up to five pieces that state one topic of each conversation; 0 where nothing is said."""
    pieces, key = _pieces(), calls["key"]
    level = calls["level"][np.arange(len(topic)), topic].astype(np.int64)
    said = level != SILENT
    level = np.maximum(level, 0)
    draw = [hashed(key, 200 + 20 * slot + k) for k in range(8)]
    way = np.digitize(draw[0], [OUTRIGHT, IDIOM, QUESTION, CONTRAST])
    way = np.where(level == BOUGHT, 1, way)
    verdict = ((topic == RIVAL) | (topic == TRUST)) & (level != 1)
    way = np.where((way == 4) & ~verdict, 0, way)
    at = [np.zeros(len(topic), np.int64) for _ in range(5)]
    family = topic * LEVELS + level
    clause = pieces.pick_from(level_kinds("clause"), family, draw[1])
    at[0] = np.where(way == 0, pieces.pick("opening", draw[2]), at[0])
    at[1] = np.where((way == 0) | (way == 3), clause, at[1])
    at[4] = np.where((way == 0) | (way == 3), pieces.pick("stop", draw[2]), at[4])
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
    pieces = _pieces()
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
    pieces = _pieces()
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
    pieces = _pieces()
    rival = (topic == RIVAL).astype(np.int64)
    question = pieces.pick_from(np.array(["about us", "about rival"]), rival, draw[3])
    praise = ((level == 2) != (rival == 1)).astype(np.int64)
    answer = pieces.pick_from(np.array(["bad", "good"]), praise, draw[4])
    return np.where(here, question, at[0]), np.where(here, answer, at[1])


def _dates(calls: Columns) -> Ints:
    pieces, key, when = _pieces(), calls["key"], calls["when"].astype(np.int64)
    due = np.nan_to_num(calls["due"], nan=0.0)
    which = month(due.astype(np.int64)) % 12
    weeks = np.clip(np.rint((due - calls["day"]) / 7), 1, MONTHS).astype(np.int64) - 1
    index = (np.maximum(when, 1) - 1) * MONTHS + np.where(when == When.WEEKS, weeks, which)
    at = pieces.pick_from(date_kinds(), index, hashed(key, 114))
    return np.where(when == When.SILENT, 0, at)


def _rep_dates(calls: Columns) -> Ints:
    ahead = (hashed(calls["key"], 115) * 4).astype(np.int64)
    which = (month(calls["day"].astype(np.int64)) + ahead) % 12
    kinds = np.array([f"rep date {m}" for m in range(MONTHS)])
    return _pieces().pick_from(kinds, which, hashed(calls["key"], 116))


def _notes(world: "Dealership", calls: Columns) -> pl.Series:
    """A rep's shorthand: two of the things stated, perhaps the month, and something else."""
    pieces, key = _pieces(), calls["key"]
    order, parts = _order(calls), []
    for slot in range(NOTE_SLOTS):
        topic = order[:, slot]
        level = calls["level"][np.arange(len(topic)), topic].astype(np.int64)
        family = topic * LEVELS + np.maximum(level, 0)
        at = pieces.pick_from(level_kinds("note"), family, hashed(key, 120 + slot))
        parts.append(pieces.texts(np.where(level == SILENT, 0, at)))
    due = np.nan_to_num(calls["due"], nan=0.0).astype(np.int64)
    kinds = np.array([f"note date {m}" for m in range(MONTHS)])
    at = pieces.pick_from(kinds, month(due) % 12, hashed(key, 122))
    parts.append(pieces.texts(np.where(np.isnan(calls["due"]), 0, at)))
    parts.append(pieces.texts(pieces.pick("note_talk", hashed(key, 123))))
    names = ["a", "b", "date", "talk"]
    text = pl.DataFrame(parts, schema=names).select(pl.concat_str(names)).to_series()
    return _filled(world, text, calls)


def _filled(world: "Dealership", text: pl.Series, calls: Columns) -> pl.Series:
    """Names of the customer's rival and partner, the rep and the car put in."""
    from leadrank.world.people import MODELS

    lead = calls["lead"]
    own = lead.astype(np.uint64)
    rival = (hashed(own, 1) * len(small_talk.RIVALS)).astype(np.int64)
    partner = (hashed(own, 2) * len(small_talk.PARTNERS)).astype(np.int64)
    rep = calls["rep"].astype(np.int64) % len(small_talk.REPS)
    text = _replaced(text, rival, [{"{rival}": name} for name in small_talk.RIVALS])
    theirs = ("her", "his", "their", "her", "his")
    text = _replaced(
        text, partner,
        [
            {"{partner}": name, "{their}": their}
            for name, their in zip(small_talk.PARTNERS, theirs, strict=True)
        ],
    )  # fmt: skip
    text = _replaced(text, rep, [{"{rep}": name} for name in small_talk.REPS])
    model = world.people.model[lead].astype(np.int64)
    return _replaced(text, model, [{"{model}": name} for name in MODELS])


def _replaced(text: pl.Series, code: Ints, words: list[dict[str, str]]) -> pl.Series:
    """`words[code]` put in for each text."""
    order = np.argsort(code, kind="stable")
    ends = np.searchsorted(code[order], np.arange(len(words) + 1))
    grouped = text.gather(order)
    parts = [
        grouped[int(low) : int(high)].str.replace_many(pairs) if pairs else grouped[low:high]
        for pairs, low, high in zip(words, ends[:-1], ends[1:], strict=True)
    ]
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pl.concat(parts).gather(back)


def _misheard(text: pl.Series, key: NDArray) -> pl.Series:
    """Some transcripts have a machine's errors, some lack capitals and stops."""
    group = np.digitize(hashed(key, 130), [0.55, 0.65, 0.75, 0.85])
    text = _replaced(text, group, [{}, *small_talk.MISHEARD, {}])
    plain = text.str.replace_all(r"[.,;?!]", "").str.to_lowercase()
    return pl.select(pl.when(pl.Series(group == 4)).then(plain).otherwise(text)).to_series()
