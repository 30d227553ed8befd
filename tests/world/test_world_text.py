"""What is stated, and how it is put into words."""

import re

import numpy as np
import polars as pl
import pytest

from leadrank.world import clauses, questions, small_talk, statements, text
from leadrank.world.draws import call_key, hashed, own_key
from leadrank.world.facts import (
    BOUGHT,
    DATE_MENTIONED,
    INTENT,
    ROOM,
    SHORT_MINUTES,
    SILENT,
    TOPICS,
    When,
    state_facts,
)
from leadrank.world.text import call_events, written_levels

N = 4000
KEY = call_key(1, np.arange(N), 20)
LEVEL = np.random.default_rng(0).integers(0, 3, (N, len(TOPICS))).astype(np.int8)


def facts_of(due=np.nan, *, gone=False, minutes=3.0, misstated=0.0, day=20):
    return state_facts(
        KEY, LEVEL, np.full(N, gone), np.full(N, due, np.float32), day=day,
        minutes=np.full(N, minutes, np.float32), misstated=misstated,
    )  # fmt: skip


def test_what_is_stated_is_so_save_for_the_misstated():
    stated = facts_of().level
    assert ((stated == LEVEL) | (stated == SILENT)).all()
    wrong = facts_of(misstated=0.3).level
    share = ((wrong != LEVEL) & (wrong != SILENT)).sum() / (wrong != SILENT).sum()
    # Of .3 misstated, a third is the truth by chance: .2.
    assert share == pytest.approx(0.2, abs=0.03)


def test_there_is_room_for_four_topics_and_a_short_call_says_nothing():
    assert ((facts_of(minutes=20.0).level != SILENT).sum(axis=1) <= ROOM).all()
    short = facts_of(25.0, minutes=SHORT_MINUTES - 0.1)
    assert (short.level == SILENT).all()
    assert (short.when == When.SILENT).all()


def test_some_who_bought_elsewhere_say_so_and_nothing_else():
    level = facts_of(gone=True).level
    tells = level[:, INTENT] == BOUGHT
    assert tells.mean() == pytest.approx(0.7, abs=0.03)
    assert ((level[tells] != SILENT).sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("due", "kinds", "off"),
    [
        (21.0, {When.NOW}, 2),  # "this week": day 22
        (28.0, {When.WEEK}, 2),
        (62.0, {When.WEEKS, When.NEXT_MONTH, When.MONTH}, 16),  # 3 March, said on 21 January
        (75.0, {When.WEEKS, When.MONTH}, 16),
        (8.0, {When.OVERDUE}, 4),
    ],
)
def test_a_date_is_put_so_that_its_words_mean_about_that_day(due, kinds, off):
    facts = facts_of(due)
    said = facts.when != When.SILENT
    assert said.mean() == pytest.approx(DATE_MENTIONED, abs=0.05)
    assert set(np.unique(facts.when[said])) <= {*kinds, When.MONTH}
    assert np.abs(facts.due[said] - due).max() <= off
    assert np.isnan(facts.due[~said]).all()


def test_who_has_no_date_says_so():
    facts = facts_of(np.nan)
    assert set(np.unique(facts.when)) == {When.SILENT, When.NO_DATE}
    assert np.isnan(facts.due).all()


def calls_of(topic: int, level: int, minutes: float = 3.0) -> dict[str, np.ndarray]:
    stated = np.full((N, len(TOPICS)), SILENT, np.int8)
    stated[:, topic] = level
    return {
        "lead": np.arange(N), "own": own_key(1, np.arange(N)), "day": np.full(N, 20),
        "rep": np.zeros(N, np.int32),
        "minutes": np.full(N, minutes), "level": stated, "when": np.zeros(N, np.int8),
        "due": np.full(N, np.nan, np.float32), "key": KEY, "state": np.full(N, 2),
    }  # fmt: skip


def said(topic: int, level: int) -> list[str]:
    """What is said of one topic, without names filled in."""
    calls = calls_of(topic, level)
    pieces = statements.statement(calls, np.full(N, topic), 0)
    texts = statements.bank()
    parts = [texts.texts(at) for at in pieces]
    frame = pl.DataFrame(parts, schema=list("abcde"))
    return frame.select(pl.concat_str(list("abcde"))).to_series().to_list()


def test_yes_and_no_mean_what_the_question_makes_of_them():
    topic = TOPICS.index("household")
    good, bad = questions.QUESTIONS["household"]
    for level, yes_to in ((2, good), (0, bad)):
        asked = [s for s in said(topic, level) if s.startswith(" Rep: ")]
        assert len(asked) > 100
        for sentence in asked:
            question, answer = sentence.removeprefix(" Rep: ").split(" Customer: ")
            assert (answer in questions.YES) == (question in yes_to), sentence
            assert (answer in questions.NO) == (question not in yes_to), sentence


def test_of_two_opposite_clauses_the_frame_says_which_counts():
    topic = TOPICS.index("need")
    frames = [(f" Customer: {opening}", middle, first)
              for opening, middle, first in clauses.CONTRASTS]  # fmt: skip
    found = 0
    for sentence in said(topic, 2):
        for opening, middle, first in frames:
            if not sentence.startswith(opening) or middle not in sentence:
                continue
            stop = max((s for s in clauses.STOPS if sentence.endswith(s)), key=len)
            one, two = sentence.removeprefix(opening).removesuffix(stop).split(middle)
            true, false = (one, two) if first else (two, one)
            assert true in clauses.CLAUSES["need"][2]
            assert false in clauses.CLAUSES["need"][0]
            found += 1
    assert found > 500


def test_the_same_praise_is_good_news_of_us_and_bad_news_of_the_rival():
    for topic, level, question in (
        ("trust", 2, questions.ABOUT_US), ("rival", 0, questions.ABOUT_RIVAL),
    ):  # fmt: skip
        praised = [
            s.removeprefix(" Rep: ").split(" Customer: ")[0]
            for s in said(TOPICS.index(topic), level)
            if s.split(" Customer: ")[-1] in questions.GOOD
        ]
        assert len(praised) > 100
        assert set(praised) <= set(question)


def test_every_level_of_every_topic_has_several_ways_to_say_it():
    for at, topic in enumerate(TOPICS):
        for level in range(3):
            assert len(set(said(at, level))) > 100, (topic, level)
    assert "" not in said(INTENT, BOUGHT)


def test_every_name_is_filled_in(dealership):
    texts = call_events(dealership)["text"]
    assert not texts.str.contains(r"[{}]").any()
    assert texts.str.contains("Kestrel").any()


def test_texts_differ_and_some_say_nothing(dealership):
    events = call_events(dealership)
    calls = events.filter(pl.col("author") == "call")["text"]
    longer = calls.filter(calls.str.split(" ").list.len() > 20)
    assert longer.n_unique() > 0.99 * len(longer)
    words = calls.str.split(" ").list.len()
    assert 0.02 < (words <= 6).mean() < 0.3
    assert (calls == "").any()


def test_the_text_of_some_leads_is_that_of_all(dealership):
    some = np.unique(dealership.log.read("calls")["lead"])[50:60]
    events, every = call_events(dealership, some), call_events(dealership)
    ids = events["customer_account_id"].unique()
    assert events.equals(every.filter(pl.col("customer_account_id").is_in(ids.implode())))


def test_a_note_states_two_things_at_most(dealership):
    calls = dealership.log.read("calls")
    calls = {name: values[calls["connected"].astype(bool)] for name, values in calls.items()}
    only = text.note_only(calls["key"])
    kept = (written_levels(calls) != SILENT).sum(axis=1)
    assert kept[only].max() == 2
    assert (kept[~only] == (calls["level"][~only] != SILENT).sum(axis=1)).all()


def test_no_clause_is_put_into_another_mouth_or_meant_for_the_listener():
    """Frames that quote would need the neighbour's own "my wife" for the customer's."""
    for opening, middle, _ in clauses.CONTRASTS:
        for part in (opening, middle):
            assert part.endswith(("that ", "but by now ", "wrong, ", "in truth ", "Now ",
                                  "By now ")), part  # fmt: skip
            assert "saying" not in part


def test_an_answer_fits_any_question_of_its_kind():
    """No verb that the question may not have used ("It is, yes."), no regret, no degree."""
    for answer in (*questions.YES, *questions.NO):
        assert not {"is", "are", "have", "afraid", "more", "that"} & set(
            re.findall(r"[a-z]+", answer.lower())
        ), answer
    assert len({*questions.YES, *questions.NO, *questions.HEDGE}) == 26


def test_nobody_says_one_line_twice_in_a_call(dealership):
    calls = call_events(dealership).filter(pl.col("author") == "call")["text"]
    talk = [line for line in (*small_talk.REP_TALK, *small_talk.CUSTOMER_TALK)
            if "{" not in line]  # fmt: skip
    frames = [
        f"Customer: {opening}" for opening, _, _ in clauses.CONTRASTS if opening != "Now "
    ]
    answers = [f"Customer: {answer}" for answer in questions.HEDGE]
    most = {line: calls.str.count_matches(line, literal=True).max()
            for line in (*talk, *frames, *answers)}  # fmt: skip
    assert set(most.values()) == {1}, most


def test_a_lead_of_another_seed_has_other_names_and_tickets():
    """Rival, partner, manner and gaps are drawn for (seed, lead), not for the lead alone."""
    one, two = (hashed(own_key(seed, np.arange(20_000)), 1) for seed in (0, 1))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03  # 4 standard errors of 1 / sqrt(20,000)
    assert (own_key(0, np.arange(9)) != call_key(0, np.arange(9), 0)).all()
