"""What is compared: its name in tables, what it reads, and how it is fitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from leadrank.compare.study import Scored, Study

EIGHT = "one of eight settings by log loss on validation, chosen at the first seed"
UNTUNED = "nothing is tuned"


@dataclass(frozen=True)
class System:
    """One system, as a module of `compare/systems` declares it under the name SYSTEM.

    Args:
        title: as in a table.
        fit_and_score: (study, seed) -> scores of the study's validation and test rows.
        reads: what it learns from.
        seeds: 5 where its fit is random, else 1.
        llm: whether a language model reads for it.
        dear: whether scoring a row takes so long that large parts are sampled for it
            (`compare.two_phase`). Which rows it is asked for depends on outcomes then, so it
            must learn nothing from that.
        terms: how it was tuned, for the reader of a table; of EIGHT where it says nothing.
        settings: (study) -> what decides its scores beside the constants of its code and the
            study's own terms, which `compare.deciding` finds by itself.
    """

    title: str
    fit_and_score: Callable[[Study, int], Scored]
    reads: Literal["fields", "text", "both"]
    seeds: int = 1
    llm: bool = False
    dear: bool = False
    terms: str = EIGHT
    settings: Callable[[Study], dict[str, Any]] | None = None
