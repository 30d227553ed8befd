"""A car maker's dealerships, day by day: who is called, what comes of it, what is written down.

Each morning a policy gives every open lead a score; each rep calls the leads with the highest
scores as far as the day allows. Then the day happens. All chance is drawn beforehand for each
(lead, day), whoever is called (`draws`), so worlds of one seed differ only by their policies.
"""

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.world import laws
from leadrank.world.conversations import call
from leadrank.world.day_view import DayView, Policy
from leadrank.world.draws import Purpose, generator, uniform
from leadrank.world.evening import pass_evening
from leadrank.world.log import Log
from leadrank.world.people import People, Staff, draw_people, draw_staff
from leadrank.world.policies import habit
from leadrank.world.settings import WorldSettings
from leadrank.world.state import NEVER, State

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


class Dealership:
    """All stores, reps and customers of a world, on the morning of `day`.

    The days before day 0 (`settings.warm_up`) are run on construction with `first_policy`,
    so that a test starts in a dealership at work.

    Args:
        settings: sizes and laws.
        seed: the same seed and settings and the same scores give the same world.
        first_policy: orders the calls before day 0.
        progress: whether a bar shows the days before day 0.
        snapshots: whether to note the mornings that become rows (an online test needs none).
    """

    def __init__(
        self,
        settings: WorldSettings,
        seed: int,
        *,
        first_policy: Policy = habit,
        snapshots: bool = True,
        progress: bool = False,
    ) -> None:
        self.settings, self.seed, self.snapshots = settings, seed, snapshots
        self.staff: Staff = draw_staff(settings, seed)
        self.people: People = draw_people(settings, self.staff, seed)
        self.state = State.new(settings.leads, seed)
        self.log = Log()
        self.day = -settings.warm_up
        self.rep_totals: list[NDArray] = []  # by day: [3 reps] leads, orders, visitors so far
        self.totals = np.zeros((3, len(self.staff)), np.int64)
        self.run(settings.warm_up, first_policy, progress=progress, name="days before day 0")

    # -- what a policy sees ------------------------------------------------------------

    def open_leads(self, day: int | None = None) -> DayView:
        """The open leads on this morning. Raises ValueError on another day than `self.day`."""
        if day is not None and day != self.day:
            raise ValueError(f"it is the morning of day {self.day}, asked for day {day}")
        return DayView(self, self._open())

    @property
    def block(self) -> slice:
        """The leads that have arrived and are not filed away: neighbours, by arrival."""
        arrival = self.people.arrival
        oldest = self.day - self.settings.oldest
        low, high = np.searchsorted(arrival, [oldest + 1, self.day + 1])
        return slice(int(low), int(high))

    def _open(self) -> Indices:
        block = self.block
        state = self.state.of(block)
        is_open = (state.order_day == NEVER) & (state.defeat_day == NEVER)
        return np.flatnonzero(is_open) + block.start

    # -- a day -------------------------------------------------------------------------

    def run(
        self, days: int, policy: Policy, *, progress: bool = False, name: str = "days"
    ) -> "Dealership":
        """Let `days` days pass under one policy; returns the dealership itself."""
        for _ in tqdm(range(days), desc=name, unit="day", disable=not progress):
            view = self.open_leads()
            self.step(policy(view))
        return self

    def step(self, score: NDArray) -> None:
        """Call by `score` of each lead of `open_leads()`, highest first; then the day passes.

        Raises ValueError for scores of another number of leads, or NaN.
        """
        leads = self._open()
        if np.shape(score) != leads.shape or np.isnan(score).any():
            raise ValueError(
                f"expected a number for each of the {len(leads):,} open leads of day "
                f"{self.day}, got shape {np.shape(score)} with {np.isnan(score).sum()} NaN"
            )
        self._morning(leads)
        call(self, self._called(leads, np.asarray(score)))
        pass_evening(self)
        self.day += 1

    def _morning(self, leads: Indices) -> None:
        """Note what is known of the reps, and the snapshots."""
        reps = len(self.staff)
        self.rep_totals.append(self.totals.copy())
        arrived = self.people.arrival[self.block] == self.day
        self.totals[0] += np.bincount(self.people.rep[self.block][arrived], minlength=reps)
        if not self.snapshots or self.day < 0:
            return
        block = self.block
        draw = self.draws(Purpose.SNAPSHOT)[leads - block.start]
        self._note_rows(leads[draw < self.settings.snapshot_share])

    def _note_rows(self, leads: Indices) -> None:
        state = self.state
        self.log.add(
            "rows", lead=leads, day=np.full(len(leads), self.day, np.int32),
            rival=state.rival[leads], household=state.household[leads],
            momentum=state.momentum[leads], fatigue=state.fatigue[leads],
            driven=state.drives[leads] > 0, booked=state.booked[leads],
            gone=state.gone[leads],
        )  # fmt: skip

    def _called(self, leads: Indices, score: NDArray) -> Indices:
        """Each rep's first leads by score; whom they just talked to comes last."""
        rested = self.day - self.state.contact_day[leads] > self.settings.rest_days
        rep = self.people.rep[leads]
        order = np.lexsort((leads, -score, ~rested, rep))
        ranked = rep[order]
        start = np.searchsorted(ranked, np.arange(len(self.staff)))
        place = np.arange(len(order)) - start[ranked]
        return np.sort(leads[order[(place < self._capacity[ranked])]])

    @property
    def _capacity(self) -> NDArray[np.int64]:
        """Attempts of each rep today: fewer at weekends, none for one in twelve."""
        rng = generator(self.seed, Purpose.ABSENT, self.day)
        share = self.settings.weekend_calls if self.day % 7 >= 5 else 1.0
        today = rng.binomial(2 * self.settings.calls_per_day, 0.5 * share, len(self.staff))
        return np.where(rng.random(len(self.staff)) < 1 / 12, 0, today)

    @property
    def size(self) -> int:
        """Number of leads in the block."""
        return self.block.stop - self.block.start

    def draws(self, purpose: Purpose) -> Floats:
        """A number in [0, 1) for each lead of the block."""
        return uniform(self.seed, purpose, self.day, self.size)

    # -- the hidden truth ----------------------------------------------------------------

    def eta(self, leads: Indices) -> Floats:
        """Log-odds of an order today less their base and the season."""
        state, people = self.state, self.people
        return (
            people.fixed[leads]
            + laws.RIVAL_EFFECT[state.rival[leads]]
            + laws.HOUSE_EFFECT[state.household[leads]]
            + laws.timing(people.due[leads] - self.day)
            + state.momentum[leads]
            + self.settings.drive_effect * (state.drives[leads] > 0)
        ).astype(np.float32)
