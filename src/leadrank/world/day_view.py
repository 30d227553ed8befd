"""What a policy may see of the open leads on a morning."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.world.draws import Purpose

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

LONG = 999.0


class DayView:
    """The open leads on the morning of `day`, in order of arrival; one entry per lead.

    Only what the CRM holds; the hidden state is not reachable from here by any public name.
    Days since something that never happened are `LONG`.
    """

    def __init__(self, dealership: "Dealership", lead: NDArray[np.int64]) -> None:
        self._world = dealership
        self.day: int = dealership.day
        self.lead = lead

    def __len__(self) -> int:
        return len(self.lead)

    @cached_property
    def chance(self) -> NDArray[np.float64]:
        """A number in (0, 1) for each lead, the day's own, whoever else is open: for ties."""
        lots = self._world.draws(Purpose.POLICY)[self.lead - self._world.block.start]
        return lots.astype(np.float64) + 2.0**-25  # of steps of 2^-24 the middle

    @cached_property
    def store(self) -> NDArray:
        """Store of each lead's rep."""
        return self._world.people.store[self.lead]

    @cached_property
    def rep(self) -> NDArray:
        """Who calls the lead."""
        return self._world.people.rep[self.lead]

    @cached_property
    def age(self) -> NDArray:
        """Days since the request."""
        return self.day - self._world.people.arrival[self.lead]

    @cached_property
    def channel(self) -> NDArray:
        """Index into `people.CHANNELS`."""
        return self._world.people.channel[self.lead]

    @cached_property
    def since_contact(self) -> NDArray:
        """Days since the last conversation."""
        return np.minimum(self.day - self._world.state.contact_day[self.lead], LONG)

    @cached_property
    def since_attempt(self) -> NDArray:
        """Days since the last attempt to call."""
        return np.minimum(self.day - self._world.state.attempt_day[self.lead], LONG)

    @cached_property
    def since_record(self) -> NDArray:
        """Days since anything new: the request, a conversation, a visit, a test drive."""
        since = self.day - self._world.state.record_day[self.lead]
        return np.minimum(since, self.age)

    @cached_property
    def changed(self) -> NDArray[np.bool_]:
        """Whether there is a record that yesterday's view did not have."""
        yesterday = self._world.state.record_day[self.lead] == self.day - 1
        return yesterday | (self.age == 0)

    @cached_property
    def attempts(self) -> NDArray:
        """Attempts to call so far."""
        return self._world.state.attempts[self.lead]

    @cached_property
    def contacts(self) -> NDArray:
        """Conversations so far."""
        return self._world.state.contacts[self.lead]

    @cached_property
    def visits(self) -> NDArray:
        """Times the customer came or wrote unasked."""
        return self._world.state.visits[self.lead]

    @cached_property
    def grade(self) -> NDArray:
        """The rep's last grade of the lead's intention, 1 to 8; 0 = none yet."""
        return self._world.state.grade[self.lead]

    @cached_property
    def stage(self) -> NDArray:
        """Deepest stage so far: 0 new, 1 talked to, 2 test drive."""
        driven = self._world.state.drives[self.lead] > 0
        return np.where(driven, 2, np.minimum(self.contacts, 1))

    def rows(self, where: NDArray | None = None) -> pl.DataFrame:
        """The CRM's columns this morning of these leads: a mask, or indices of this view."""
        from leadrank.world.columns import crm_rows

        lead = self.lead if where is None else self.lead[where]
        return crm_rows(self._world, lead, np.full(len(lead), self.day))

    def calls(self, where: NDArray | None = None) -> pl.DataFrame:
        """What was written down so far of these leads: the events that the CRM file joins."""
        from leadrank.world.export import written_events

        return written_events(self._world, self.lead if where is None else self.lead[where])


#: A score for each lead of the view; each rep calls the highest first. A policy that draws lots
#: takes `DayView.chance`, so that nobody's lots depend on another rep's leads.
Policy = Callable[[DayView], NDArray]
