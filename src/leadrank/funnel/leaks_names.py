"""Fields that say of themselves that they are written later.

Words in a name count only in a table of final states (`extract: final`): there each row is as
its lead ended, and nothing else tells when a value was written. In a table of snapshots "last
call" means the last before the snapshot.
"""

import re
from collections.abc import Iterator

import numpy as np
import polars as pl

from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.leaks_rows import SeenRows
from leadrank.funnel.leaks_strength import auc_alone

LATER_WORDS = {
    "state": (
        {"last", "latest", "final", "retrieval", "retrieved", "edited", "updated"},
        "tells a state as of when the data were collected, not as of the snapshot",
    ),
    "judgement": (
        {"score", "quality", "profile", "rating", "grade", "index", "tag", "tags"},
        "is somebody's judgement of the lead, which may be passed after the contact",
    ),
    "outcome": (
        {"won", "lost", "closed", "closing", "converted", "outcome", "result", "flair"}
        | {"label", "delivery", "deposit", "contract", "invoice", "received"},
        "speaks of how it ended",
    ),
}
TWIN_SHARE = 0.999


def named_later(seen: SeenRows) -> Iterator[Leak]:
    """Fields of a table of final states whose names speak of a later moment.

    Not sure: somebody must say when they are written. The evidence has the field's AUC alone
    (see `too_strong`), and names its earlier twin where it has one: the same words up to the
    last, and never a lower number.
    """
    if seen.crm.extract != "final":
        return
    alone = auc_alone(seen, _columns(seen))
    for column in _columns(seen):
        for words, means in LATER_WORDS.values():
            if found := sorted(words & set(_words(column))):
                said = f"In a table of final states {found[0]!r} {means}."
                if column in alone:
                    said += f" Alone it ranks orders with AUC {alone[column]:.3f}."
                yield Leak("name", column, False, said + _twin(seen, column))
                break


def soft_inputs(seen: SeenRows) -> Iterator[Leak]:
    """Inputs that are soft signals too: what comes after the snapshot must not be read."""
    inputs = {field.column for field in seen.crm.fields.numeric}
    for signal in seen.crm.soft_signals:
        if signal.column in inputs:
            yield Leak(
                "soft signal",
                signal.column,
                True,
                "It is listed under `soft_signals`, which are known only after the snapshot "
                "and teach pairs, and under `fields` too.",
            )


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _columns(seen: SeenRows) -> list[str]:
    fields = seen.crm.fields
    return [field.column for field in (*fields.numeric, *fields.categorical)]


def _twin(seen: SeenRows, column: str) -> str:
    """What the numbers say of a field with an earlier twin; empty where there is none."""
    numeric = [field.column for field in seen.crm.fields.numeric]
    if column not in numeric:
        return ""
    mine = _words(column)
    for other in numeric:
        if other != column and _words(other)[:-1] == mine[:-1]:
            later, earlier = (
                seen.rows[c].cast(pl.Float64).fill_null(np.nan).to_numpy()
                for c in (column, other)
            )
            both = np.isfinite(later) & np.isfinite(earlier)
            if both.any() and np.mean(later[both] >= earlier[both]) >= TWIN_SHARE:
                above = np.mean(later[both] > earlier[both])
                return (
                    f" It is never below its twin {other!r} and above it in {above:.0%} of "
                    "the rows: the same count, taken later."
                )
    return ""
