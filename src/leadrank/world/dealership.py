"""A car maker's dealerships, day by day: who is called, what comes of it, what is written down.

Each morning a policy gives every open lead a score; each rep calls the leads with the highest
scores as far as the day allows. Then the day happens. All chance is drawn beforehand for each
(lead, day), whoever is called (`draws`), so worlds of one seed differ only by their policies.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.world import laws
from leadrank.world.day_view import DayView, Policy
from leadrank.world.draws import Purpose, call_key, generator, normal, uniform
from leadrank.world.facts import BOUGHT, INTENT, SHORT_MINUTES, state_facts
from leadrank.world.log import Log
from leadrank.world.people import People, Staff, draw_people, draw_staff
from leadrank.world.policies import habit
from leadrank.world.settings import WorldSettings
from leadrank.world.state import NEVER, State

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

GRADES = np.array([-3.6, -2.6, -1.7, -0.9, -0.1, 0.8, 1.8], np.float32)
#: What became of an attempt.
NO_ANSWER, SHORT, TALKED, APPOINTMENT, REFUSED = range(5)


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
        self.rep_leads: list[NDArray] = []  # by day since -warm_up: open leads of each rep,
        self.rep_totals: list[NDArray] = []  # [3 reps]: leads, orders, visitors so far
        self.totals = np.zeros((3, len(self.staff)), np.int64)
        self.run(settings.warm_up, first_policy, progress=progress, name="days before day 0")

    # -- what a policy sees ------------------------------------------------------------

    def open_leads(self, day: int | None = None) -> DayView:
        """The open leads on this morning. Raises ValueError on another day than `self.day`."""
        if day is not None and day != self.day:
            raise ValueError(f"it is the morning of day {self.day}, asked for day {day}")
        return DayView(self, self._open())

    @property
    def _block(self) -> slice:
        """The leads that have arrived and are not filed away: neighbours, by arrival."""
        arrival = self.people.arrival
        oldest = self.day - self.settings.oldest
        low, high = np.searchsorted(arrival, [oldest + 1, self.day + 1])
        return slice(int(low), int(high))

    def _open(self) -> Indices:
        block = self._block
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
            self.step(policy(view, generator(self.seed, Purpose.POLICY, self.day)))
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
        self._call(self._called(leads, np.asarray(score)))
        self._evening()
        self.day += 1

    def _morning(self, leads: Indices) -> None:
        """Note what is known of the reps, and the snapshots."""
        reps = len(self.staff)
        self.rep_leads.append(np.bincount(self.people.rep[leads], minlength=reps))
        self.rep_totals.append(self.totals.copy())
        arrived = self.people.arrival[self._block] == self.day
        self.totals[0] += np.bincount(self.people.rep[self._block][arrived], minlength=reps)
        if not self.snapshots or self.day < 0:
            return
        block = self._block
        draw = self._draws(Purpose.SNAPSHOT)[leads - block.start]
        self._note_rows(leads[draw < self.settings.snapshot_share])

    def _note_rows(self, leads: Indices) -> None:
        state = self.state
        self.log.add(
            "rows", lead=leads, day=np.full(len(leads), self.day, np.int32),
            rival=state.rival[leads], household=state.household[leads],
            momentum=state.momentum[leads], fatigue=state.fatigue[leads],
            driven=state.drives[leads] > 0, booked=state.booked[leads],
            gone=state.gone[leads],
            since=np.minimum(self.day - state.contact_day[leads], 999).astype(np.int16),
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

    def _draws(self, purpose: Purpose) -> Floats:
        block = self._block
        return uniform(self.seed, purpose, self.day, block.stop - block.start)

    def _call(self, called: Indices) -> None:
        """Attempts, conversations, and what the rep makes of them."""
        state, people = self.state, self.people
        at = called - self._block.start
        reach = people.reach[called] * np.where(state.gone[called], laws.CONNECT_GONE, 1.0)
        connected = self._draws(Purpose.CONNECT)[at] < reach
        state.attempts[called] += 1
        state.attempt_day[called] = self.day
        state.misses[called] += 1
        state.misses[called[connected]] = 0
        ahead = people.due[called] - self.day
        eta = self.eta(called)
        minutes = self._minutes(called, at, connected, eta)
        self._talk(called[connected], ahead[connected])
        rated = connected & (minutes >= SHORT_MINUTES)
        noise = normal(self.seed, Purpose.GRADE, self.day, self._size)[at]
        blurred = eta + self.settings.grade_noise * noise / self.staff.skill[people.rep[called]]
        grade = np.where(rated, 1 + np.digitize(blurred, GRADES), 0).astype(np.int32)
        state.grade[called[rated]] = grade[rated]
        key = call_key(self.seed, called, self.day)
        facts = state_facts(
            key, self.levels(called, eta), state.gone[called], people.due[called],
            day=self.day, minutes=np.where(connected, minutes, 0),
            misstated=self.settings.misstated,
        )  # fmt: skip
        status = self._status(
            called, at, connected, rated, eta, facts.level[:, INTENT] == BOUGHT, grade
        )
        status[connected & ~rated] = SHORT
        self.log.add(
            "calls", lead=called, day=np.full(len(called), self.day, np.int32),
            rep=people.rep[called], connected=connected, minutes=minutes, grade=grade,
            level=facts.level, when=facts.when, due=facts.due, key=key,
            gone=state.gone[called], state=status,
        )  # fmt: skip

    @property
    def _size(self) -> int:
        block = self._block
        return block.stop - block.start

    def _minutes(self, called: Indices, at: Indices, connected: NDArray, eta: Floats) -> Floats:
        """Length of each conversation: log-normal, longer with talkative and warmer leads."""
        noise = normal(self.seed, Purpose.MINUTES, self.day, self._size)[at]
        mean = 0.9 + 0.35 * self.people.talkative[called] + 0.10 * np.clip(eta, -4, 3)
        minutes = np.exp(mean + 0.8 * noise)
        return np.where(connected, np.round(minutes, 2), 0).astype(np.float32)

    def _talk(self, leads: Indices, ahead: Floats) -> None:
        state, people = self.state, self.people
        skill = self.staff.skill[people.rep[leads]]
        added = laws.gain(people.lift[leads], skill, ahead, state.fatigue[leads])
        state.momentum[leads] += self.settings.call_scale * added
        state.fatigue[leads] += 1
        state.contacts[leads] += 1
        state.contact_day[leads] = self.day
        state.record_day[leads] = self.day

    def _status(
        self,
        called: Indices,
        at: Indices,
        connected: NDArray,
        rated: NDArray,
        eta: Floats,
        bought: NDArray,
        grade: NDArray,
    ) -> NDArray[np.int8]:
        """Appointments for a test drive and defeats that come of the attempts."""
        state = self.state
        book = rated & ~state.gone[called] & (state.booked[called] == NEVER)
        draw = self._draws(Purpose.DRIVE)[at]
        book &= draw < laws.chance(laws.BOOKING_BASE + laws.BOOKING_SLOPE * eta)
        ahead = 1 + (generator(self.seed, Purpose.DRIVE, self.day + (1 << 18)).random(
            self._size)[at] * 9).astype(np.int32)  # fmt: skip
        state.booked[called[book]] = self.day + ahead[book]
        chance = np.where(bought, 0.85, np.where(rated & (grade <= 2), 0.12, 0.0))
        chance = np.where(~connected & (state.misses[called] >= 4), 0.15, chance)
        lost = (self._draws(Purpose.DEFEAT)[at] < chance) & ~book
        self._defeat(called[lost])
        status = np.where(rated, TALKED, NO_ANSWER)
        status = np.where(book, APPOINTMENT, np.where(lost & rated, REFUSED, status))
        return status.astype(np.int8)

    def _defeat(self, leads: Indices) -> None:
        self.state.defeat_day[leads] = self.day
        self.state.record_day[leads] = self.day
        self.log.add("defeats", lead=leads, day=np.full(len(leads), self.day, np.int32))

    def _evening(self) -> None:
        """What customers do, called or not, and how their minds change overnight."""
        block = self._block
        leads = np.arange(block.start, block.stop)
        state, here = self.state, self.state.of(block)
        alive = ~here.gone & (here.order_day == NEVER)
        eta = self.eta(leads)
        self._drive(leads, alive, eta)
        ordered = alive & (self._draws(Purpose.ORDER) < laws.chance(self._order(eta)))
        self._order_cars(leads[ordered])
        visit = laws.chance(self.settings.visit_base + 0.35 * eta)
        visit = np.where(alive | ordered, visit, 0.1 * visit)
        came = (self._draws(Purpose.VISIT) < visit) & (here.order_day == NEVER)
        state.visits[leads[came]] += 1
        state.visit_day[leads[came]] = self.day
        state.record_day[leads[came]] = self.day
        self.totals[2] += np.bincount(
            self.people.rep[leads[came & (here.visits == 1)]], minlength=len(self.staff)
        )
        self.log.add("visits", lead=leads[came], day=np.full(came.sum(), self.day, np.int32))
        self._reopen(leads, came | ordered)
        self._leave(here, alive & ~ordered, leads)
        here.rival[:] = laws.step_state(here.rival, laws.RIVAL_STEP, self._draws(Purpose.RIVAL))
        here.household[:] = laws.step_state(
            here.household, laws.HOUSE_STEP, self._draws(Purpose.HOUSEHOLD)
        )
        here.momentum[:] *= laws.MOMENTUM_KEPT
        here.fatigue[:] *= laws.FATIGUE_KEPT

    def _drive(self, leads: Indices, alive: NDArray, eta: Floats) -> None:
        state = self.state
        alone = laws.chance(self.settings.drive_base + laws.DRIVE_SLOPE * eta)
        drives = alive & (
            (state.booked[leads] <= self.day) | (self._draws(Purpose.DRIVE) > 1 - alone)
        )
        drivers = leads[drives]
        state.drive_day[drivers] = np.minimum(state.drive_day[drivers], self.day)
        state.drives[drivers] += 1
        state.booked[drivers] = NEVER
        state.record_day[drivers] = self.day
        key = call_key(self.seed, drivers, self.day)
        other = (key >> np.uint64(61)) == 0  # one in eight drives another model
        model = np.where(
            other, (key >> np.uint64(40)) % np.uint64(7), self.people.model[drivers]
        )
        self.log.add(
            "drives", lead=drivers, day=np.full(len(drivers), self.day, np.int32),
            model=model.astype(np.int8),
            kind=((key >> np.uint64(50)) % np.uint64(3)).astype(np.int8),
        )  # fmt: skip

    def _order(self, eta: Floats) -> Floats:
        return self.settings.order_base + eta + np.float32(laws.season(self.day))

    def _order_cars(self, leads: Indices) -> None:
        self.state.order_day[leads] = self.day
        rep = self.people.rep[leads]
        self.totals[1] += np.bincount(rep, minlength=len(self.staff))
        self.log.add(
            "orders", lead=leads, day=np.full(len(leads), self.day, np.int32), rep=rep,
            store=self.people.store[leads],
        )  # fmt: skip

    def _reopen(self, leads: Indices, came: NDArray) -> None:
        """A defeat is taken back when the customer returns, or now and then by the manager."""
        state = self.state
        lost = (state.defeat_day[leads] < self.day) & (state.order_day[leads] >= self.day)
        swept = self._draws(Purpose.REOPEN) < 0.005
        back = leads[lost & (came | swept)]
        state.defeat_day[back] = NEVER
        state.misses[back] = 0
        state.record_day[back] = self.day
        self.log.add("tickets", lead=back, day=np.full(len(back), self.day, np.int32))

    def _leave(self, here: State, alive: NDArray, leads: Indices) -> None:
        people = self.people
        log_odds = laws.gone_log_odds(
            self.settings.gone_base, people.trust[leads], here.momentum,
            people.due[leads] - self.day,
        )  # fmt: skip
        chance = laws.chance(log_odds + laws.RIVAL_GONE[here.rival])
        here.gone[alive & (self._draws(Purpose.GONE) < chance)] = True

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

    def levels(self, leads: Indices, eta: Floats) -> NDArray[np.int8]:
        """The true level of each topic of `facts.TOPICS` [leads topics]."""
        state, people = self.state, self.people
        cut = self._cuts
        return np.stack(
            [
                np.array([2, 1, 0, 2])[state.rival[leads]],
                state.household[leads],
                np.digitize(people.budget[leads], cut),
                np.digitize(people.trust[leads], cut),
                np.digitize(people.need[leads], cut),
                np.digitize(eta, [-1.6, 0.2]),
                np.array([2, 1, 0])[people.calling[leads]],
            ],
            axis=1,
        ).astype(np.int8)

    @cached_property
    def _cuts(self) -> list[float]:
        return [-0.5, 0.5]  # of standard normal traits into levels
