"""Customers talked to since a morning: how many, and what it has done to them so far.

They are kept by the day of their last conversation, which fixes how far its momentum and their
fatigue have worn off; within such a group momentum has a mean and a variance. So the mean of
exp(momentum), which the odds of an order need, is no function of the mean momentum alone.
"""

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.call_rates import AHEAD, SINCE, CallRates
from leadrank.world.morning import Morning
from leadrank.world.settings import HORIZON_DAYS, WorldSettings

Floats = NDArray[np.float32]

BOOKED_DAYS = 9  # an appointment is 1 to 9 days ahead
TINY = np.float32(1e-9)


class Talked:
    """The share talked to since the morning [n], day by day; nobody at first."""

    def __init__(self, settings: WorldSettings, morning: Morning, rates: CallRates) -> None:
        self._morning, self._rates = morning, rates
        self._scale = np.float32(settings.call_scale)
        groups = np.zeros((4, HORIZON_DAYS, len(morning)), np.float32)
        # By the day of the last talk: their share; then, right after it, the mean and variance
        # of the momentum gained since the morning, and the fatigue.
        self._part, self._mean, self._variance, self._fatigue = groups
        self._none = np.ones(len(morning), np.float32)
        self._talks = np.zeros((2, HORIZON_DAYS, len(morning)), np.float32)  # first, other
        self._ahead = 0  # the day that passes, after the morning's

    def pass_day(self, left: Floats, ahead: int) -> Floats:
        """The day's conversations; returns how many of the others are now talked to [n].

        Args:
            left: days to the day of decision [n], NaN without one.
            ahead: the day, counted from the morning's: 0, 1, 2, ...
        """
        self._ahead, k, part = ahead, ahead, self._part[:ahead]
        since = np.arange(k, 0, -1)
        rate = self._rates.first[np.searchsorted(AHEAD, k, side="right") - 1]
        new = rate * self._none
        again = part * self._rates.again[np.searchsorted(SINCE, since, side="right") - 1]
        part -= again
        self._none -= new
        self._talks[:, k] = new, again.sum(0)
        self._join(left, new, again)
        return rate

    def _join(self, left: Floats, new: Floats, again: Floats) -> None:
        """Put today's conversations together as a group of their own."""
        k = self._ahead
        worn = np.float32(laws.FATIGUE_KEPT) ** np.arange(k, 0, -1, dtype=np.float32)
        momentum, variance = self._now(k)
        tired = self._fatigue[:k] * worn[:, None]
        rested = self._morning.fatigue * np.float32(laws.FATIGUE_KEPT**k)
        first, later = self._gain(left, rested), momentum + self._gain(left, tired)
        total = np.maximum(new + again.sum(0), TINY)
        mean = (new * first + (again * later).sum(0)) / total
        square = (new * first**2 + (again * (later**2 + variance)).sum(0)) / total
        self._part[k] = new + again.sum(0)
        self._mean[k], self._variance[k] = mean, np.maximum(square - mean**2, 0)
        self._fatigue[k] = 1 + (new * rested + (again * tired).sum(0)) / total

    def _gain(self, left: Floats, fatigue: Floats) -> Floats:
        unit = np.ones(1, np.float32)
        return self._scale * laws.gain(self._morning.lift, unit, left, fatigue)

    def _now(self, groups: int) -> tuple[Floats, Floats]:
        """Mean and variance of momentum on the present day [groups n]."""
        since = self._ahead - np.arange(groups, dtype=np.float32)
        kept = (np.float32(laws.MOMENTUM_KEPT) ** since)[:, None]
        return self._mean[:groups] * kept, self._variance[:groups] * kept**2

    def momentum(self) -> tuple[Floats, Floats]:
        """Of those talked to, after `pass_day`: the mean of momentum, and log mean exp [n].

        log(sum_g part_g exp(mean_g + variance_g / 2) / sum_g part_g), each group g log-normal.
        """
        groups = self._ahead + 1
        mean, variance = self._now(groups)
        share = self._part[:groups] / np.maximum(1 - self._none, TINY)
        raised = (share * np.exp(mean + variance / 2)).sum(0)
        return (share * mean).sum(0), np.log(np.maximum(raised, TINY))

    def appointments(self) -> Floats:
        """Talks a day of those who may have an appointment today, per customer talked to [2 n].

        Row 0: first talks since the morning, row 1: others.
        """
        end = self._ahead
        talks = self._talks[:, max(end - BOOKED_DAYS, 0) : end].sum(1)
        return talks / BOOKED_DAYS / np.maximum(1 - self._none, TINY)
