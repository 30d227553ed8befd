"""What single rivals are made of, by hand-made numbers."""

import copy
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from rival_leads import leads, study_of

from leadrank.compare import networks
from leadrank.compare.bins import fit_bins
from leadrank.compare.snapshot_stage import days_since_contact, stage_at_snapshot
from leadrank.compare.study import Study
from leadrank.compare.systems import (
    funnel_recency,
    lambdarank,
    llm_yes_no,
    scorecard,
    stage_feature,
    tfidf_lightgbm,
    two_stage,
)
from leadrank.compare.tuning import Outcomes, check_classes, outcomes, tuned
from leadrank.errors import UserError
from leadrank.model.base_model import resolve_base
from leadrank.text import tokenise
from leadrank.text.answers import answer_ids

BASE = "smollm2-135m"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on so little work only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, embedded_base: None) -> Study:
    return study_of(tmp_path_factory.mktemp("parts"), leads(), BASE)[0]


def with_rows(study: Study, *columns: pl.Expr) -> Study:
    rows = study.table.rows.with_columns(*columns)
    return replace(study, table=replace(study.table, rows=rows), memory={})


def known_of(label: list[float], weight: list[float]) -> Outcomes:
    """All rows are training and validation rows."""
    rows = np.arange(len(label))
    return Outcomes(np.array(label), np.array(weight), rows, rows, rows)


def test_the_log_loss_is_weighted() -> None:
    """(3 log(1 + e^-2) + 1 log(1 + e^1)) / 4: a right order and a wrong one."""
    known = known_of([1, 0], [3, 1])
    expected = (3 * np.log(1 + np.exp(-2)) + np.log(1 + np.exp(1))) / 4
    assert known.log_loss(np.array([2.0, 1.0])) == pytest.approx(expected)


def test_the_missed_precision_is_weighted() -> None:
    """Below another row of weight 3, an order of weight 1 has a precision of 1 / 4."""
    known = known_of([0, 1], [3, 1])
    assert known.missed_precision(np.array([2.0, 1.0])) == pytest.approx(1 - 1 / 4)


def test_tuning_keeps_the_best_and_chooses_once(study: Study) -> None:
    label = outcomes(study).label
    asked: list[tuple[float, int]] = []

    def fit(configuration: dict[str, Any], seed: int) -> np.ndarray:
        asked.append((configuration["right"], seed))
        return np.nan_to_num(configuration["right"] * (label - 0.5))

    study = replace(study, memory={})
    settings = [{"right": -1.0}, {"right": 2.0}, {"right": 1.0}]
    first = tuned(study, "made up", settings, fit, 0)
    assert asked == [(-1.0, 0), (2.0, 0), (1.0, 0)]
    assert (first.chosen["right"], first.chosen["tried"], first.logit) == (2.0, 3, True)
    assert first.chosen["validation_loss"] == pytest.approx(np.log(1 + np.exp(-1)))
    tuned(study, "made up", settings, fit, 7)
    assert asked[3:] == [(2.0, 7)]


def test_every_part_of_one_class_is_named() -> None:
    with pytest.raises(UserError, match="train part has 2 trips among 2") as error:
        check_classes({"train": np.ones(2), "validation": np.zeros(3)}, "trips")
    assert "validation part has 0 trips among 3" in str(error.value)


def test_a_stage_after_the_snapshot_is_not_known_at_it(study: Study) -> None:
    source = leads()
    seen = source.select((pl.col("visited_at") <= pl.col("at")).fill_null(False)).to_series()
    found = stage_at_snapshot(study)
    assert found is not None
    np.testing.assert_array_equal(found, seen.cast(pl.Float64).to_numpy())


def test_the_last_contact_is_the_later_of_note_and_visit(study: Study) -> None:
    source = leads().select("at", "written_at", "visited_at")
    days = []
    for at, written, visited in source.iter_rows():
        known = [time for time in (written, visited) if time is not None and time <= at]
        days.append((at - max(known)).total_seconds() / 86_400)
    found = days_since_contact(study)
    assert found is not None
    np.testing.assert_allclose(found, days, atol=1 / 86_400)


def test_the_rule_puts_the_deeper_stage_before_the_later_contact(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stage 1 after 99 days, stage 0 today, stage 0 after a day, never: 1.01, 1, .5, 0."""
    rows = study.scored_positions()[:4]
    stage, days = np.zeros(study.table.rows.height), np.full(study.table.rows.height, np.inf)
    stage[rows], days[rows] = [1, 0, 0, 0], [99, 0, 1, np.inf]
    monkeypatch.setattr(funnel_recency, "stage_at_snapshot", lambda study: stage)
    monkeypatch.setattr(funnel_recency, "days_since_contact", lambda study: days)
    found = funnel_recency.fit_and_score(study, 0)
    np.testing.assert_allclose(found.score[rows], [1.01, 1.0, 0.5, 0.0])
    assert not found.logit


@pytest.mark.parametrize("system", [funnel_recency, stage_feature])
def test_without_times_the_stage_at_the_snapshot_is_not_applicable(
    system: Any, tmp_path: Path, embedded_base: None
) -> None:
    """A column's value tells the stage of today, so it is not read."""
    rows = leads().with_columns(ordered=pl.col("ordered_at").is_not_null().cast(pl.Int8))
    stages = [
        {"name": "lead", "always": True},
        {"name": "near", "column": "store", "values": ["north"]},
        {"name": "order", "column": "ordered", "values": ["1"]},
    ]
    text = {"columns": [{"column": "message", "name": "message"}]}
    changed = {"stages": stages, "text": text, "forbidden": ["ordered"], "group": None}
    study, _ = study_of(tmp_path, rows, BASE, **changed)
    with pytest.raises(UserError, match="reached_at"):
        system.fit_and_score(study, 0)


def test_two_steps_need_a_stage_between(tmp_path: Path, embedded_base: None) -> None:
    stages = [
        {"name": "lead", "always": True},
        {"name": "order", "reached_at": "ordered_at"},
    ]
    study, _ = study_of(tmp_path, leads(), BASE, stages=stages, forbidden=["ordered_at"])
    with pytest.raises(UserError, match="a stage between the first and the order"):
        two_stage.fit_and_score(study, 0)


def test_two_steps_multiply(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """P(middle) = 1/2 and P(order | middle) = 1/4 give odds of 1 : 7."""
    steps: list[Outcomes] = []

    def made_up(inputs: Any, known: Outcomes, trees: Any, seed: int) -> np.ndarray:
        steps.append(known)
        odds = 1.0 if len(steps) % 2 else 1 / 3
        return np.full(len(known.label), np.log(odds))

    monkeypatch.setattr(two_stage, "boosted", made_up)
    found = two_stage.fit_and_score(replace(study, memory={}), 0)
    np.testing.assert_allclose(found.score[study.scored_positions()], np.log(1 / 7))
    stage = study.table.rows["stage"].cast(pl.Float64).to_numpy()
    first, second = steps[:2]
    np.testing.assert_array_equal(first.label[first.train], stage[first.train] >= 2)
    assert (stage[second.train] >= 2).all()


def test_lists_of_lambdarank_are_whole_and_not_too_long(study: Study) -> None:
    train = study.positions("train")
    rows, sizes = lambdarank._lists(study, train, False, 0)
    assert sorted(rows) == sorted(train)
    assert sizes.sum() == len(train)
    assert sizes.max() <= lambdarank.RANDOM_LIST
    rows, sizes = lambdarank._lists(study, train, True, 0)
    store = study.table.rows["group"].to_numpy()[rows]
    assert sizes.sum() == len(train)
    assert len({*store[: sizes[0]]}) == len({*store[sizes[0] :]}) == 1


def test_a_list_that_is_too_long_is_cut_evenly() -> None:
    """25 rows in lists of at most 10: three of 8 or 9."""
    assert lambdarank._cut(25, 10).tolist() == [8, 8, 9]


def test_points_double_the_odds_at_twenty(study: Study) -> None:
    """Every lead's score is the sum of whole points; 20 of them are a logit of log 2."""
    found = scorecard.fit_and_score(replace(study, memory={}), 0)
    points = found.score[study.scored_positions()] * 20 / np.log(2)
    np.testing.assert_allclose(points, np.rint(points), atol=1e-9)


def test_points_of_a_number_only_rise_or_only_fall(study: Study) -> None:
    known = outcomes(study)
    card = scorecard.fit_card(study, known, {"bins": 10, "strength": 1.0})
    for bins, points in zip(card.bins[:2], card.points[:2], strict=True):
        steps = np.diff(points[: bins.ordered])
        assert (steps >= 0).all() or (steps <= 0).all()
    assert card.points[0][0] < card.points[0][card.bins[0].ordered - 1]  # more visits, more


def test_bins_are_quantiles_of_the_training_rows(study: Study) -> None:
    """Values 1 to 4 and 9 in two ranges: below 3 and from 3; missing apart."""
    values = [1.0, 2.0, 3.0, 4.0, 9.0, None]
    column = pl.Series("visits", [*values, *[None] * (study.table.rows.height - 6)])
    counted = with_rows(study, column)
    bins = fit_bins(counted, np.arange(6), ranges=2)[0]
    assert bins.code[:6].tolist() == [0, 0, 1, 1, 1, 2]
    assert bins.names == ("-inf to below 3", "3 to below inf", "missing")


def test_a_rare_level_is_with_the_missing_ones(study: Study) -> None:
    level = pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("rare")).otherwise("channel")
    rare = with_rows(study, level.alias("channel"))
    bins = fit_bins(rare, study.positions("train"), ranges=5)[-1]
    assert bins.names == ("fair", "friend", "website", "missing or rare")
    assert bins.code[:3].tolist() == [3, 3, 3]


def test_a_training_rows_word_score_comes_from_other_leads(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fit's made-up score is 9 for what it learned from; LightGBM is to read none of it."""

    def remembers(fold: Study) -> np.ndarray:
        score = np.zeros(fold.table.rows.height)
        score[fold.positions("train")] = 9.0
        return score

    read: list[np.ndarray] = []

    def made_up(inputs: Any, known: Outcomes, trees: Any, seed: int) -> np.ndarray:
        read.append(inputs[0][known.train, -1])
        return np.zeros(len(known.label))

    monkeypatch.setattr(tfidf_lightgbm, "_score", remembers)
    monkeypatch.setattr(tfidf_lightgbm, "boosted", made_up)
    monkeypatch.setattr(tfidf_lightgbm, "CONFIGURATIONS", [{"words": "score", "trees": {}}])
    tfidf_lightgbm.fit_and_score(replace(study, memory={}), 0)
    assert not read[0].any()


def test_importing_the_networks_asks_nobody_for_a_newer_version() -> None:
    """The module that would ask is not the library's own, which holds `requests`."""
    if importlib.util.find_spec("deepctr_torch") is None:
        pytest.skip("deepctr-torch is not installed (the extra `rivals`)")
    assert networks._library().models.DeepFM
    assert not hasattr(sys.modules["deepctr_torch.utils"], "requests")


@pytest.fixture(scope="module")
def two_layer_base(tmp_path_factory: pytest.TempPathFactory, embedded_base: None) -> Path:
    """The embedded base with its first two layers and its tokenizer, in a folder."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    whole, folder = resolve_base(BASE).folder, tmp_path_factory.mktemp("base") / "two-layers"
    config = AutoConfig.from_pretrained(whole, num_hidden_layers=2)
    AutoModelForCausalLM.from_pretrained(whole, config=config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(whole).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_the_answer_is_the_whole_models_next_token(
    two_layer_base: Path, tmp_path: Path
) -> None:
    """Log-odds of Yes against No after the question, as transformers itself computes them."""
    from transformers import AutoModelForCausalLM

    study, _ = study_of(tmp_path, leads(), str(two_layer_base))
    found = llm_yes_no.fit_and_score(study, 0)
    tokenizer = study.data.tokenizer
    template = llm_yes_no.question_template(study.data.crm, tokenizer, 64)
    store = tokenise(study.table, template, tokenizer)
    row = int(study.scored_positions()[5])
    text = tokenizer.decode(store[row])
    assert text.startswith("<|im_start|>")
    assert 'Will it reach "order"? Answer with one word, Yes or No.<|im_end|>' in text
    assert text.endswith("<|im_start|>assistant\n")
    model = AutoModelForCausalLM.from_pretrained(two_layer_base)
    with torch.inference_mode():
        words = model(torch.from_numpy(store[row].astype(np.int64))[None]).logits[0, -1]
    yes, no = answer_ids(store.template, tokenizer)
    assert [tokenizer.decode([token]) for token in (yes, no)] == ["Yes", "No"]
    # On a GPU the study's products are in bfloat16.
    tolerance = 0.02 if torch.cuda.is_available() else 1e-3
    assert found.score[row] == pytest.approx(float(words[yes] - words[no]), abs=tolerance)
    assert np.isnan(found.score[study.positions("train")]).all()


def test_a_base_without_a_chat_format_is_asked_plainly(study: Study) -> None:
    tokenizer = copy.deepcopy(study.data.tokenizer)
    tokenizer.chat_template = None
    prompt = llm_yes_no.question_template(study.data.crm, tokenizer, 64)
    assert (prompt.prefix, prompt.suffix[-8:]) == ("", "\nAnswer:")
    assert prompt.max_tokens == 64 + len(tokenizer(prompt.suffix).input_ids)
