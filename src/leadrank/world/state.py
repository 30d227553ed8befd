"""The state of every lead, known and hidden, as arrays that the days overwrite."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.draws import Purpose, generator

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

NEVER = np.int32(1 << 20)  # a day that does not come
LONG_AGO = np.int32(-(1 << 20))


@dataclass(frozen=True)
class State:
    """One entry per lead [n]. Days are days of the world; `misses`: attempts in vain."""

    rival: NDArray[np.int8]
    household: NDArray[np.int8]
    momentum: Floats
    fatigue: Floats
    gone: NDArray[np.bool_]
    order_day: Ints
    drive_day: Ints  # the first
    drives: Ints
    booked: Ints  # day of the next test drive
    defeat_day: Ints  # of the defeat that stands
    contact_day: Ints  # of the last conversation
    attempt_day: Ints
    attempts: Ints
    contacts: Ints
    misses: Ints
    grade: Ints  # the rep's last, 0 = none
    visits: Ints
    visit_day: Ints
    record_day: Ints  # the last day that wrote something about the lead

    @classmethod
    def new(cls, n: int, seed: int) -> Self:
        """Before the first day."""
        rng = generator(seed, Purpose.STATE)
        start: dict[str, NDArray] = {
            "rival": rng.choice(4, n, p=laws.RIVAL_START).astype(np.int8),
            "household": rng.choice(3, n, p=laws.HOUSE_START).astype(np.int8),
            "momentum": np.zeros(n, np.float32),
            "fatigue": np.zeros(n, np.float32),
            "gone": np.zeros(n, bool),
        }
        for name in ("order_day", "drive_day", "booked", "defeat_day"):
            start[name] = np.full(n, NEVER, np.int32)
        for name in ("contact_day", "attempt_day", "visit_day", "record_day"):
            start[name] = np.full(n, LONG_AGO, np.int32)
        for name in ("drives", "attempts", "contacts", "misses", "grade", "visits"):
            start[name] = np.zeros(n, np.int32)
        return cls(**start)

    def of(self, block: slice) -> "State":
        """A view of some leads; writing into it writes into the whole."""
        return State(**{field.name: getattr(self, field.name)[block] for field in fields(self)})
