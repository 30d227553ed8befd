"""Events of leads in order, and what windows of days before a morning hold of them."""

import numpy as np
from numpy.typing import NDArray

SPAN = 1 << 13  # more days than any world has
_ZERO = SPAN // 2

Ints = NDArray[np.int64]


def keys(lead: NDArray, day: NDArray | int) -> Ints:
    """One number per (lead, day) that sorts by lead, then day."""
    return np.asarray(lead, np.int64) * SPAN + np.asarray(day, np.int64) + _ZERO


class Timeline:
    """Events sorted by lead and day; every question is about the events before a morning."""

    def __init__(self, columns: dict[str, NDArray], where: NDArray | None = None) -> None:
        chosen = slice(None) if where is None else where
        key = keys(columns["lead"][chosen], columns["day"][chosen])
        self._order = np.argsort(key, kind="stable")
        self._key = key[self._order]
        self._where = np.arange(len(columns["lead"]))[chosen][self._order]
        self._columns = columns

    def bounds(self, lead: NDArray, first: NDArray, end: NDArray) -> tuple[Ints, Ints]:
        """Positions of each lead's events on days [first, end)."""
        return (
            np.searchsorted(self._key, keys(lead, first)),
            np.searchsorted(self._key, keys(lead, end)),
        )

    def count(self, lead: NDArray, first: NDArray, end: NDArray) -> Ints:
        """Number of events on days [first, end)."""
        low, high = self.bounds(lead, first, end)
        return high - low

    def sums(self, name: str, lead: NDArray, first: NDArray, end: NDArray) -> NDArray:
        """Sum of a column over days [first, end)."""
        total = np.concatenate([[0.0], self.sorted(name).astype(np.float64).cumsum()])
        low, high = self.bounds(lead, first, end)
        return total[high] - total[low]

    def largest(self, name: str, lead: NDArray, first: NDArray, end: NDArray) -> NDArray:
        """Maximum of a column over days [first, end); NaN without events."""
        low, high = self.bounds(lead, first, end)
        values = np.append(self.sorted(name).astype(np.float64), np.nan)
        # Sorted, so that what reduceat also reduces between two windows is short.
        order = np.argsort(low, kind="stable")
        pairs = np.stack([low, high], axis=1)[order].ravel()
        found = np.full(len(low), np.nan)
        if len(pairs):
            found[order] = np.fmax.reduceat(values, pairs)[::2]
        return np.where(high > low, found, np.nan)

    def distinct(self, name: str, lead: NDArray, first: NDArray, end: NDArray) -> Ints:
        """Number of distinct values (0 to 15) of a column over days [first, end)."""
        bits = [
            self.sums_of(self.sorted(name) == value, lead, first, end) > 0
            for value in np.unique(self.sorted(name))
        ]
        return np.sum(bits, axis=0, dtype=np.int64) if bits else np.zeros(len(lead), np.int64)

    def sums_of(self, flags: NDArray, lead: NDArray, first: NDArray, end: NDArray) -> Ints:
        """Number of flagged events over days [first, end); flags in this timeline's order."""
        total = np.concatenate([[0], flags.cumsum()])
        low, high = self.bounds(lead, first, end)
        return total[high] - total[low]

    def sorted(self, name: str) -> NDArray:
        """A column in the timeline's order."""
        return self._columns[name][self._where]

    def back(self, lead: NDArray, day: NDArray, steps: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Index into the log of the `steps`-th last event before `day`; is there one?"""
        start, end = self.bounds(lead, np.full(len(lead), -_ZERO), day)
        at = end - steps
        there = at >= start
        if not len(self._where):
            return np.zeros(len(lead), np.int64), there
        return self._where[np.where(there, at, 0)], there
