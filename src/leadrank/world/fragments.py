"""All pieces of text in one list, and where each kind of piece lies in it."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.world import clauses, idioms, questions, shorthand, small_talk
from leadrank.world.facts import TOPICS, When

Ints = NDArray[np.int64]
LEVELS = 4  # of a topic; only `intent` has the fourth
MONTHS = len(small_talk.MONTHS)


class Fragments:
    """Pieces by kind; a draw picks one of a kind. Piece 0 is empty."""

    def __init__(self) -> None:
        self._texts: list[str] = [""]
        self._at: dict[str, tuple[int, int]] = {"nothing": (0, 1)}

    def add(self, kind: str, texts: Iterable[str]) -> None:
        """Add a kind's pieces."""
        listed = list(texts)
        self._at[kind] = (len(self._texts), len(listed))
        self._texts += listed

    def pick(self, kind: str, draw: NDArray) -> Ints:
        """A piece of one kind for each draw in [0, 1)."""
        start, count = self._at[kind]
        return start + (draw * count).astype(np.int64)

    def pick_from(self, kinds: NDArray[np.str_], index: Ints, draw: NDArray) -> Ints:
        """A piece of `kinds[index]` for each draw."""
        table = np.array([self._at[kind] for kind in kinds])
        start, count = table[index].T
        return start + (draw * count).astype(np.int64)

    def texts(self, at: Ints) -> pl.Series:
        """The pieces at these places."""
        return self._series.gather(at)

    def seal(self) -> "Fragments":
        """No pieces are added any more."""
        self._series = pl.Series(self._texts, dtype=pl.String)
        return self


def level_kinds(name: str, count: int = LEVELS) -> NDArray[np.str_]:
    """Kinds of a family by topic and level, so that kind = topic * LEVELS + level."""
    return np.array([f"{name} {topic} {level}" for topic in TOPICS for level in range(count)])


def _turns(texts: Iterable[str]) -> list[str]:
    """With a blank before each that is not empty, so that turns follow each other."""
    return [f" {text}" if text else "" for text in texts]


def all_fragments() -> Fragments:
    """Everything that `text` puts together."""
    pieces = Fragments()
    for topic in TOPICS:
        for level in range(LEVELS):
            _add_level(pieces, topic, level)
        for good, asked in zip((1, 0), questions.QUESTIONS[topic], strict=True):
            pieces.add(f"question {topic} {good}", [f" Rep: {q}" for q in asked])
    for name, lines in (("yes", questions.YES), ("no", questions.NO),
                        ("hedge", questions.HEDGE), ("good", questions.GOOD),
                        ("bad", questions.BAD)):  # fmt: skip
        pieces.add(name, [f" Customer: {line}" for line in lines])
    pieces.add("about us", [f" Rep: {q}" for q in questions.ABOUT_US])
    pieces.add("about rival", [f" Rep: {q}" for q in questions.ABOUT_RIVAL])
    pieces.add("opening", [f" Customer: {word}" for word in clauses.OPENINGS])
    pieces.add("contrast opening", [f" Customer: {opening}" for opening, _, _ in
                                    clauses.CONTRASTS])  # fmt: skip
    pieces.add("contrast middle", [middle for _, middle, _ in clauses.CONTRASTS])
    pieces.add("stop", clauses.STOPS)
    _add_small_talk(pieces)
    _add_dates(pieces)
    return pieces.seal()


def _add_level(pieces: Fragments, topic: str, level: int) -> None:
    def of(family: dict[str, tuple[tuple[str, ...], ...]]) -> tuple[str, ...]:
        known = family[topic]
        return known[level] if level < len(known) else known[0]

    pieces.add(f"clause {topic} {level}", of(clauses.CLAUSES))
    pieces.add(f"idiom {topic} {level}", [f" Customer: {idiom}" for idiom in
                                          of(idioms.IDIOMS)])  # fmt: skip
    pieces.add(f"note {topic} {level}", [f"{note}; " for note in of(shorthand.NOTES)])


def _add_small_talk(pieces: Fragments) -> None:
    pieces.add("greeting", small_talk.GREETINGS)
    for name in ("answers_warm", "answers_curt", "closings_warm", "closings_curt",
                 "appointment"):  # fmt: skip
        pieces.add(name, _turns(getattr(small_talk, name.upper())))
    for name in ("customer_talk", "rep_talk"):  # in halves, so that no call has a line twice
        lines = _turns(getattr(small_talk, name.upper()))
        for half in (0, 1):
            pieces.add(f"{name} {half}", lines[half::2])
    pieces.add("one_word", small_talk.ONE_WORD)
    pieces.add("note_talk", small_talk.NOTE_TALK)


def _add_dates(pieces: Fragments) -> None:
    """A kind for each way of putting a date and, where it has one, each month or number."""
    for when in list(When)[1:]:
        for month, name in enumerate(small_talk.MONTHS):
            number = small_talk.NUMBERS[
                max(month + 1, 2)
            ]  # dates within 10 days are put otherwise
            lines = [t.format(month=name, n=number) for t in small_talk.DATES[when.name]]
            pieces.add(f"date {when.value} {month}", _turns(lines))
    for month, name in enumerate(small_talk.MONTHS):
        number = small_talk.NUMBERS[month % 6 + 2]
        lines = [t.format(month=name, n=number) for t in small_talk.REP_DATES]
        pieces.add(f"rep date {month}", _turns(lines))
        pieces.add(f"note date {month}", [f"dec. {name[:3]}; ", f"cb {name[:3]}; "])


def date_kinds() -> NDArray[np.str_]:
    """Kinds of a customer's date, so that kind = (when - 1) * MONTHS + month (or weeks - 1)."""
    return np.array([f"date {w.value} {m}" for w in list(When)[1:] for m in range(MONTHS)])
