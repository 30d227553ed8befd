"""Who asks the dealership for a car and who works there: what the CRM sees, what is hidden."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadrank.world.draws import Purpose, generator
from leadrank.world.settings import WorldSettings

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

CHANNELS = (
    "referral", "showroom", "website", "phone", "car fair", "marketplace", "lottery",
)  # fmt: skip
CHANNEL_SHARE = (0.08, 0.12, 0.30, 0.14, 0.08, 0.20, 0.08)
CHANNEL_EFFECT = (0.9, 0.7, 0.2, 0.1, -0.3, -0.4, -1.0)
MODELS = ("city", "compact", "estate", "van", "suv", "electric suv", "coupe")
MODEL_EFFECT = (0.2, 0.35, 0.1, -0.1, 0.15, -0.3, -0.4)
#: How customers answer to a call: some need one, some order anyway, some are put off.
NEEDS_CALL, ANYWAY, PUT_OFF = 0, 1, 2
CALLING_SHARE = (0.35, 0.40, 0.25)
CALLING_LIFT = (1.8, 0.15, -1.0)
CALLING_FIXED = (-0.6, 0.35, 0.1)
NO_DATE = 0.25  # share of customers without a date in mind


@dataclass(frozen=True)
class Staff:
    """One entry per rep."""

    store: Ints
    province: Ints  # of the rep's store, by rep
    skill: Floats  # around 1, times the effect of a conversation
    tenure: Floats  # years
    level: Ints  # 1-4, follows skill and tenure loosely
    drive_score: Floats  # mean of customers' marks for test drives
    store_effect: Floats  # of the rep's store, by rep

    def __len__(self) -> int:
        return len(self.store)


@dataclass(frozen=True)
class People:
    """One entry per lead, by arrival; a lead is one customer's request.

    `fixed` is the part of an order's log-odds that never changes; `due` the day the customer
    means to decide (NaN without one); `calling` and `lift` how a conversation works.
    """

    arrival: Ints
    rep: Ints
    store: Ints
    channel: Ints
    model: Ints
    tickets: Ints  # requests of the same customer before this one
    defeats_before: Ints
    need: Floats
    budget: Floats
    trust: Floats
    due: Floats
    calling: Ints
    lift: Floats
    reach: Floats  # chance that an attempt connects
    warmth: Floats  # of manner; says nothing about the order
    talkative: Floats
    fixed: Floats

    def __len__(self) -> int:
        return len(self.arrival)


def draw_staff(settings: WorldSettings, seed: int) -> Staff:
    """The reps, so many that each gets `new_leads_per_rep` a day; at least two stores."""
    rng = generator(seed, Purpose.STAFF)
    span = settings.days + settings.warm_up
    per_store = settings.reps_per_store
    stores = round(settings.leads / span / settings.new_leads_per_rep / per_store)
    stores = max(2, stores)
    n = stores * per_store
    skill = np.exp(rng.normal(0.0, 0.3, n)).astype(np.float32)
    tenure = rng.gamma(1.6, 2.2, n).astype(np.float32)
    score = 1.2 * np.log(skill) + 0.15 * tenure + rng.normal(0.0, 0.5, n)
    store = np.arange(n, dtype=np.int32) // per_store
    return Staff(
        store=store,
        province=rng.integers(0, max(2, stores // 6), stores).astype(np.int32)[store],
        skill=skill,
        tenure=tenure,
        level=1 + np.digitize(score, [-0.2, 0.4, 1.0]).astype(np.int32),
        drive_score=np.clip(4.2 + 0.4 * np.log(skill) + rng.normal(0, 0.2, n), 1, 5).astype(
            np.float32
        ),
        store_effect=rng.normal(0.0, 0.25, stores).astype(np.float32)[store],
    )


def draw_people(settings: WorldSettings, staff: Staff, seed: int) -> People:
    """The leads of the whole world, in order of arrival."""
    rng = generator(seed, Purpose.PEOPLE)
    n = settings.leads
    arrival = _arrivals(rng, settings)
    rep = rng.integers(0, len(staff), n).astype(np.int32)
    channel = rng.choice(len(CHANNELS), n, p=CHANNEL_SHARE).astype(np.int32)
    model = rng.integers(0, len(MODELS), n).astype(np.int32)
    tickets = rng.poisson(0.5, n).astype(np.int32)
    need, budget, trust = rng.standard_normal((3, n), dtype=np.float32)
    calling = rng.choice(3, n, p=CALLING_SHARE).astype(np.int32)
    seen = np.array(CHANNEL_EFFECT)[channel] + np.array(MODEL_EFFECT)[model]
    seen += -0.25 * np.minimum(tickets, 3) + staff.store_effect[rep]
    hidden = settings.need * need + settings.budget * budget + settings.trust * trust
    fixed = settings.column_scale * _standardised(seen) + hidden
    return People(
        arrival=arrival,
        rep=rep,
        store=staff.store[rep],
        channel=channel,
        model=model,
        tickets=tickets,
        defeats_before=rng.binomial(tickets, 0.8).astype(np.int32),
        need=need,
        budget=budget,
        trust=trust,
        due=_due(rng, arrival),
        calling=calling,
        lift=(np.array(CALLING_LIFT)[calling] + rng.normal(0, 0.3, n)).astype(np.float32),
        reach=rng.beta(4.0, 4.0, n).astype(np.float32),
        warmth=rng.standard_normal(n, dtype=np.float32),
        talkative=rng.standard_normal(n, dtype=np.float32),
        fixed=(fixed + np.array(CALLING_FIXED)[calling]).astype(np.float32),
    )


def _arrivals(rng: np.random.Generator, settings: WorldSettings) -> Ints:
    """Weekends bring half as many again, spring and autumn a fifth more than the mean."""
    day = np.arange(-settings.warm_up, settings.days)
    rate = np.where(day % 7 >= 5, 1.5, 1.0) * (1 + 0.2 * np.sin(4 * np.pi * (day - 30) / 365))
    return np.sort(rng.choice(day, settings.leads, p=rate / rate.sum())).astype(np.int32)


def _due(rng: np.random.Generator, arrival: Ints) -> Floats:
    due = arrival + rng.lognormal(np.log(28.0), 0.8, len(arrival))
    return np.where(rng.random(len(arrival)) < NO_DATE, np.nan, due).astype(np.float32)


def _standardised(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return (values - values.mean()) / max(float(values.std()), 1e-9)
