"""Conversations and notes in English, put together from pieces; many at once.

Everything is a function of the conversation's key: the same world, the same bytes.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.world.columns import customer_ids, times
from leadrank.world.draws import hashed, own_key
from leadrank.world.facts import ROOM, SHORT_MINUTES, SILENT, month
from leadrank.world.fragments import LEVELS, MONTHS, Fragments, level_kinds
from leadrank.world.names import misheard, with_names
from leadrank.world.statements import bank, customer_dates, rep_dates, statement

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Ints = NDArray[np.int64]
Columns = dict[str, NDArray]

NOTE_SLOTS = 2
CHUNK = 100_000
#: Shares of conversations kept as a note only, as a transcript and a note; the rest have the
#: transcript.
NOTE_ONLY, BOTH = 0.25, 0.15


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
    calls = {**calls, "own": own_key(world.seed, lead)}
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


def _transcripts(world: "Dealership", calls: Columns) -> pl.Series:
    pieces, key = bank(), calls["key"]
    n = len(key)
    warm = world.people.warmth[calls["lead"]] + 0.5 * (hashed(key, 100) - 0.5) > 0
    turns = [
        pieces.texts(pieces.pick("greeting", hashed(key, 101))),
        pieces.texts(
            pieces.pick_from(
                np.array(["answers_curt", "answers_warm"]), warm * 1, hashed(key, 102)
            )
        ),
        _some(pieces, "customer_talk", key, 0, 0.5),
    ]
    order = _order(calls)
    early = hashed(key, 118) < 0.5
    dates = customer_dates(calls)
    turns.append(pieces.texts(np.where(early, dates, 0)))
    for slot in range(ROOM):
        turns += [pieces.texts(at) for at in statement(calls, order[:, slot], slot)]
        if slot == 0:
            turns.append(_some(pieces, "rep_talk", key, 0, 0.6))
            turns.append(pieces.texts(rep_dates(calls)))
        if slot == 1:
            turns.append(_some(pieces, "customer_talk", key, 1, 0.4))
            turns.append(pieces.texts(np.where(early, 0, dates)))
    turns.append(_some(pieces, "rep_talk", key, 1, 0.3))
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
    return misheard(with_names(world, text, calls), key)


def _some(pieces: Fragments, kind: str, key: NDArray, time: int, share: float) -> pl.Series:
    """Small talk in a share of the calls; the second time from the other half of the lines."""
    k = {"customer_talk": 103, "rep_talk": 107}[kind] + 2 * time
    half = ((hashed(key, 117) < 0.5).astype(np.int64) + time) % 2
    at = pieces.pick_from(np.array([f"{kind} 0", f"{kind} 1"]), half, hashed(key, k))
    return pieces.texts(np.where(hashed(key, k + 1) < share, at, 0))


def _notes(world: "Dealership", calls: Columns) -> pl.Series:
    """A rep's shorthand: two of the things stated, perhaps the month, and something else."""
    pieces, key = bank(), calls["key"]
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
    return with_names(world, text, calls)
