"""How often reps call: counted from a world's log, for the truth's calls to come.

Whom reps call depends on all other leads, so no law says how often. Counted are attempts a day
over days on which the customer is alive and has not ordered (filed away by the rep or not): by
what decides whom reps call (grade, waiting time) and by the log-odds of an order, as those who
are about to order are graded higher and called more.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from leadrank.world.log import Columns
from leadrank.world.morning import Morning
from leadrank.world.settings import HORIZON_DAYS, WorldSettings
from leadrank.world.state import LONG_AGO
from leadrank.world.timeline import Timeline

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]
Days = NDArray[np.int64]

#: Rates hold from one of these days to the next: days since the morning, since the last talk.
AHEAD = (0, 1, 3, 7, 14, HORIZON_DAYS)
SINCE = (1, 4, 7, 11, 16, HORIZON_DAYS + 1)
PRIOR_DAYS = 20  # at the rate of all that each cell is given: few days must not decide
CELLS = 6 * 5 * 3
COUNTED = 200_000  # rows at most, evenly spaced: more would only take time


@dataclass(frozen=True)
class CallRates:
    """Conversations expected a day, one entry per row.

    `first` [len(AHEAD) - 1, n]: before any since the row's morning, by days since it;
    `again` [len(SINCE) - 1, n]: after one, by days since the last.
    """

    first: Floats
    again: Floats

    @classmethod
    def even(cls, settings: WorldSettings, rate: Floats) -> Self:
        """The same `rate` [n] on all days, but none in the days of rest after a talk."""
        rested = np.array(SINCE[1:]) > settings.rest_days + 1
        return cls(np.tile(rate, (len(AHEAD) - 1, 1)), rested[:, None] * rate)

    def __getitem__(self, rows: slice) -> "CallRates":
        return CallRates(self.first[:, rows], self.again[:, rows])


def counted_rates(world: "Dealership", rows: Columns) -> CallRates:
    """Rates of each row of the log's table `rows`, in cells of rows alike.

    A rate is (attempts + p r) / (days + p) times the customer's own chance to answer; r is the
    rate of all cells, p = PRIOR_DAYS. Only rows with their 30 days behind them are counted, and
    no customer whom another dealer has by now: the log does not say since when.
    """
    lead, day = rows["lead"], rows["day"].astype(np.int64)
    calls = world.log.read("calls")
    attempts, talks = Timeline(calls), Timeline(calls, calls["connected"].astype(bool))
    seen = np.flatnonzero(
        (day <= world.day - HORIZON_DAYS) & ~rows["gone"] & ~world.state.gone[lead]
    )
    seen = seen[:: 1 + len(seen) // COUNTED]
    own, start = lead[seen], day[seen]
    end = _end(world, own, start)
    talk, following = _next_talks(talks, own, start, end)

    def rates(cell: NDArray, edges: tuple[int, ...], since: Days, last: Days) -> Floats:
        ends = [np.minimum(since + edge, last) for edge in edges]
        counts = [(attempts.count(own, a, b), b - a) for a, b in pairwise(ends)]
        each = [_smoothed(cell[seen], *count)[cell] for count in counts]
        return np.stack(each).astype(np.float32) * world.people.reach[lead]

    first, again = _cells(world, rows, attempts, talks)
    # The day of a talk counts, those after it do not.
    return CallRates(
        rates(first, AHEAD, start, np.minimum(talk + 1, end)),
        rates(again, SINCE, talk, np.minimum(following + 1, end)),
    )


def _smoothed(cell: NDArray, tries: NDArray, days: Days) -> NDArray[np.float64]:
    """Attempts a day by cell, each with PRIOR_DAYS at the usual rate."""
    usual = tries.sum() / max(days.sum(), 1)
    count, exposed = (np.bincount(cell, what, CELLS) for what in (tries, days))
    return (count + PRIOR_DAYS * usual) / (exposed + PRIOR_DAYS)


def _end(world: "Dealership", lead: NDArray, day: Days) -> Days:
    """The day after the last on which a call could still bring the order within the horizon."""
    ordered = world.state.order_day[lead].astype(np.int64) + 1
    filed = world.people.arrival[lead] + world.settings.oldest
    return np.maximum(np.minimum.reduce([day + HORIZON_DAYS, ordered, filed]), day)


def _next_talks(talks: Timeline, lead: NDArray, day: Days, end: Days) -> Days:
    """Days of the first and second conversation on days [day, end) [2 n]; `end` without."""
    low, high = talks.bounds(lead, day, end)
    days = np.append(talks.sorted("day").astype(np.int64), 0)
    at = np.minimum(low + np.arange(2)[:, None], len(days) - 1)
    return np.where(low + np.arange(2)[:, None] < high, days[at], end)


def _cells(
    world: "Dealership", rows: Columns, attempts: Timeline, talks: Timeline
) -> tuple[NDArray, NDArray]:
    """Cells [n] of rows, below CELLS: for the first conversation, and for those after it.

    First: waiting time, the rep's grade (4 without one, as reps take it), log-odds in three.
    After it there is a new grade, so only the log-odds tell. Quantiles are closer at the top,
    where the orders are.
    """
    calls, lead, day = world.log.read("calls"), rows["lead"], rows["day"].astype(np.int64)
    graded = Timeline(calls, calls["grade"] > 0)
    long_ago = int(LONG_AGO)
    wait = day - _last(attempts, calls["day"], lead, day, long_ago)
    since = day - _last(talks, calls["day"], lead, day, long_ago)
    rested = since > world.settings.rest_days
    waited = np.where(rested, 1 + np.digitize(wait, (4, 8, 15, 1000)), 0)
    grade = np.digitize(_last(graded, calls["grade"], lead, day, 4), (3, 4, 5, 7))
    eta = Morning.of(world, rows).eta(world.settings)
    cuts = np.quantile(eta, (0.1, 0.25, 0.5, 0.75, 0.93)) if len(eta) else np.zeros(5)
    level = np.digitize(eta, cuts)
    return (waited * 5 + grade) * 3 + level // 2, level


def _last(
    events: Timeline, column: NDArray, lead: NDArray, day: Days, default: int
) -> NDArray[np.int64]:
    """What stands in a column at each lead's last event before `day`."""
    at, there = events.back(lead, day, 1)
    return np.where(there, np.append(column, 0)[at], default).astype(np.int64)
