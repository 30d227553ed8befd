"""Names put into texts, and what a machine that listens makes of them."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.world import small_talk
from leadrank.world.draws import hashed
from leadrank.world.people import MODELS

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Ints = NDArray[np.int64]


def with_names(world: "Dealership", text: pl.Series, calls: dict[str, NDArray]) -> pl.Series:
    """Names of the customer's rival and partner, the rep and the car put in."""
    lead = calls["lead"]
    own = calls["own"]
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


def misheard(text: pl.Series, key: NDArray) -> pl.Series:
    """Some transcripts have a machine's errors, some lack capitals and stops."""
    group = np.digitize(hashed(key, 130), [0.55, 0.65, 0.75, 0.85])
    text = _replaced(text, group, [{}, *small_talk.MISHEARD, {}])
    plain = text.str.replace_all(r"[.,;?!]", "").str.to_lowercase()
    return pl.select(pl.when(pl.Series(group == 4)).then(plain).otherwise(text)).to_series()
