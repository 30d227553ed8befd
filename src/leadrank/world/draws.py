"""Common random numbers: what chance brings a lead on a day, whatever anybody decides.

Every number is addressed by (seed, purpose, day, lead), never by what happened before. So two
worlds of one seed differ only by what their policies changed. Philox is a counter-based
generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_OFFSET = 1 << 20  # days before day 0 are positive counters, too


class Purpose(IntEnum):
    """What a number is drawn for; each has its own stream."""

    PEOPLE = 1
    STAFF = 2
    CONNECT = 3
    MINUTES = 4
    DRIVE = 5
    GONE = 6
    ORDER = 7
    VISIT = 8
    RIVAL = 9
    HOUSEHOLD = 10
    DEFEAT = 11
    REOPEN = 12
    SNAPSHOT = 13
    GRADE = 14
    ABSENT = 15
    STATE = 16
    POLICY = 17
    EXPORT = 18


def generator(seed: int, purpose: Purpose, day: int = 0) -> np.random.Generator:
    """The stream of a purpose on a day."""
    counter = np.array([0, 0, day + _OFFSET, int(purpose)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=seed))


def uniform(seed: int, purpose: Purpose, day: int, n: int) -> Floats:
    """n numbers in [0, 1), one for each lead of the day's cohort."""
    return generator(seed, purpose, day).random(n, dtype=np.float32)


def normal(seed: int, purpose: Purpose, day: int, n: int) -> Floats:
    """n standard normal numbers, one for each lead of the day's cohort."""
    return generator(seed, purpose, day).standard_normal(n, dtype=np.float32)


def hashed(key: NDArray[np.uint64], k: int) -> Floats:
    """The k-th number in [0, 1) of each key: splitmix64 (Steele et al. 2014) of key and k."""
    with np.errstate(over="ignore"):
        z = key + np.uint64(((k + 1) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float32)) * np.float32(2.0**-24)


def call_key(
    seed: int, lead: NDArray[np.integer], day: int | NDArray[np.integer]
) -> NDArray[np.uint64]:
    """A key for each lead's conversation on a day, to be hashed further."""
    with np.errstate(over="ignore"):
        days = (np.asarray(day, np.int64) + _OFFSET).astype(np.uint64)
        where = (days << np.uint64(36)) + np.uint64(seed << 20)
        z = (lead.astype(np.uint64) + where) * np.uint64(0xD1342543DE82EF95)
        return (z ^ (z >> np.uint64(29))) * np.uint64(0xFF51AFD7ED558CCD)


def own_key(seed: int, number: NDArray[np.integer]) -> NDArray[np.uint64]:
    """A key for each lead, or rep, of a world: for what stays the same on all days."""
    return call_key(seed, number, -_OFFSET)  # a day without calls
