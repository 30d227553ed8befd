"""The calls of a world and what was written down about them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadrank.world import phrases
from leadrank.world.customers import Customers, Floats, Ints
from leadrank.world.funnel import Outcomes
from leadrank.world.parameters import WorldParameters

CALL_GAP_DAYS = 5.0
MOST_CALLS = 10
TRANSCRIPTS = 0.35  # share of calls kept as a snippet of speech instead of a rep's note
SECOND_REMARK = 0.85


@dataclass(frozen=True)
class Calls:
    """One entry per call, by lead and then time: when, how long, what was noted, and how."""

    lead: Ints
    day: Ints
    second: Ints  # of the day
    minutes: Floats
    text: NDArray[np.object_]
    transcript: NDArray[np.bool_]


def make_calls(world: WorldParameters, customers: Customers, outcomes: Outcomes) -> Calls:
    """Call every lead on the day it arrives and then every few days, whatever it says."""
    rng = np.random.default_rng([world.seed, 3])
    n = len(customers)
    gaps = 1 + rng.exponential(CALL_GAP_DAYS, (n, MOST_CALLS - 1)).astype(np.int64)
    age = np.concatenate([np.zeros((n, 1), np.int64), gaps.cumsum(axis=1)], axis=1)
    calls = rng.integers(2, MOST_CALLS + 1, size=(n, 1))
    made = np.arange(MOST_CALLS) < calls
    lead, column = np.nonzero(made & (customers.arrival[:, None] + age < world.days))
    day = customers.arrival[lead] + age[lead, column]
    warmth = 0.25 * customers.engagement[lead] + 0.15 * customers.trait_effect[lead]
    minutes = rng.lognormal(1.2 + warmth, 0.6).round(1)
    ordered = outcomes.order[lead] < day
    lost = (outcomes.defeat[lead] < day) & (outcomes.reopened[lead] >= day) & ~ordered
    transcript = (rng.random(len(lead)) < TRANSCRIPTS) & ~ordered & ~lost
    text = _conversations(rng, world, customers, lead, transcript)
    text = np.where(ordered, _any_of(rng, phrases.AFTER_ORDER, len(lead)), text)
    text = np.where(lost, _any_of(rng, phrases.AFTER_DEFEAT, len(lead)), text)
    return Calls(
        lead=lead,
        day=day,
        second=rng.integers(9 * 3600, 18 * 3600, size=len(lead)),
        minutes=minutes,
        text=text,
        transcript=transcript,
    )


def _any_of(rng: np.random.Generator, texts: tuple[str, ...], n: int) -> NDArray[np.object_]:
    return rng.choice(np.array(texts, dtype=object), n)


def _conversations(
    rng: np.random.Generator,
    world: WorldParameters,
    customers: Customers,
    lead: Ints,
    transcript: NDArray[np.bool_],
) -> NDArray[np.object_]:
    """One or two remarks on different traits, and small talk where a rep took the note."""
    n = len(lead)
    topics = rng.permuted(np.tile(np.arange(len(phrases.TRAITS)), (n, 1)), axis=1)[:, :2]
    first = _remarks(rng, world, customers, lead, topics[:, 0], transcript)
    second = _remarks(rng, world, customers, lead, topics[:, 1], transcript)
    talk = np.where(transcript, "", _any_of(rng, phrases.SMALL_TALK, n))
    text = np.where(rng.random(n) < SECOND_REMARK, first + " " + second, first)
    return np.where(talk == "", text, text + " " + talk)


def _remarks(
    rng: np.random.Generator,
    world: WorldParameters,
    customers: Customers,
    lead: Ints,
    topic: Ints,
    transcript: NDArray[np.bool_],
) -> NDArray[np.object_]:
    """One sentence per call about a trait, told by rep or customer, sometimes misheard."""
    levels = np.stack([customers.traits[trait] for trait in phrases.TRAITS], axis=1)
    level = levels[lead, topic]
    misheard = rng.random(len(lead)) < world.misheard
    level = np.where(misheard, rng.integers(3, size=len(lead)), level)
    template, filling = rng.random(len(lead)), rng.random(len(lead))
    remark = np.full(len(lead), "", dtype=object)
    for spoken, book in ((False, phrases.NOTES), (True, phrases.SPEECH)):
        for index, trait in enumerate(phrases.TRAITS):
            for value, templates in enumerate(book[trait]):
                here = (transcript == spoken) & (topic == index) & (level == value)
                remark[here] = _sentences(templates, template[here], filling[here])
    return remark


def _sentences(
    templates: tuple[str, ...], template: Floats, filling: Floats
) -> NDArray[np.object_]:
    """The sentences at two uniform draws: every template alike, then every filling alike."""
    sentences = [phrases.fillings(each) for each in templates]
    sizes = np.array([len(each) for each in sentences])
    starts = sizes.cumsum() - sizes
    chosen = (template * len(templates)).astype(np.int64)
    at = starts[chosen] + (filling * sizes[chosen]).astype(np.int64)
    return np.array([s for each in sentences for s in each], dtype=object)[at]
