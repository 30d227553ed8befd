"""What every rival without training of an LLM must do, whatever it is made of."""

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from rival_leads import LEADS, leads, study_of
from sklearn.metrics import roc_auc_score

from leadrank.compare import networks, trees
from leadrank.compare.study import Scored, Study
from leadrank.errors import UserError
from leadrank.evaluation import lightgbm

NETWORKS = ("wide_deep", "deepfm", "xdeepfm", "dcn", "autoint")
RIVALS = (
    *("funnel_recency", "scorecard", "logistic", "lambdarank", "stage_feature", "two_stage"),
    *NETWORKS,
    *("tfidf_logistic", "tfidf_lightgbm", "vectors_lightgbm"),
)
ON_TEXT = ("tfidf_logistic", "tfidf_lightgbm")
ON_FIELDS = ("scorecard", "logistic", "lambdarank", "two_stage", *NETWORKS)
TEST = pl.int_range(pl.len()) >= int(0.7 * LEADS)


def system(name: str) -> Any:
    if name in NETWORKS and importlib.util.find_spec("deepctr_torch") is None:
        pytest.skip("deepctr-torch is not installed (the extra `rivals`)")
    return importlib.import_module(f"leadrank.compare.systems.{name}")


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One setting of a network, not eight; few epochs and trees, on one thread."""
    monkeypatch.setattr(networks, "CONFIGURATIONS", networks.CONFIGURATIONS[4:5])
    monkeypatch.setattr(networks, "MOST_EPOCHS", 10)
    monkeypatch.setattr(lightgbm, "MOST_TREES", 30)
    for module in (lightgbm, trees):
        monkeypatch.setattr(module, "THREADS", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(embedded_base: None) -> str:
    return "smollm2-135m"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, base: str) -> Study:
    return study_of(tmp_path_factory.mktemp("rivals"), leads(), base)[0]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, base: str) -> Study:
    """The same leads with other outcomes after the snapshots of the test rows."""
    time, flipped = pl.col("at") + timedelta(days=20), pl.col("ordered_at").is_null()
    rows = leads().with_columns(
        pl.when(~TEST).then(pl.col("ordered_at")).when(flipped).then(time).alias("ordered_at"),
        pl.when(~TEST).then(pl.col("drove_at")).when(flipped).then(time).alias("drove_at"),
        pl.when(~TEST | (pl.col("visited_at") <= pl.col("at"))).then(pl.col("visited_at")),
    )
    return study_of(tmp_path_factory.mktemp("changed"), rows, base)[0]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, base: str) -> pl.DataFrame:
    return study_of(tmp_path_factory.mktemp("truth"), leads(), base)[1]


@pytest.fixture(scope="module")
def scores(study: Study) -> dict[str, Scored]:
    """What is said at seed 0, computed by whoever asks first."""
    return {}


def score(name: str, study: Study, scores: dict[str, Scored]) -> np.ndarray:
    if name not in scores:
        scores[name] = system(name).fit_and_score(study, 0)
    return scores[name].score


@pytest.mark.parametrize("name", RIVALS)
def test_ranks_unseen_leads_by_the_planted_signal(
    name: str, study: Study, truth: pl.DataFrame, scores: dict[str, Scored]
) -> None:
    """Who is keen gives an AUC of about .8; whoever ignores it has .5."""
    found = score(name, study, scores)
    asked = study.scored_positions()
    assert np.isfinite(found[asked]).all()
    assert np.isnan(np.delete(found, asked)).all()
    test = truth["position"].to_numpy()
    assert roc_auc_score(truth["label"].to_numpy(), found[test]) > 0.68


@pytest.mark.parametrize("name", RIVALS)
def test_what_is_kept_of_the_choice_names_no_value_of_a_field(
    name: str, study: Study, scores: dict[str, Scored]
) -> None:
    """Results are committed: levels, lists, leads and notes must not be in them."""
    score(name, study, scores)
    said = json.dumps(scores[name].chosen)
    rows = leads()
    values = {v for column in ("channel", "store", "lead", "message") for v in rows[column]}
    assert not [value for value in values if value in said]


@pytest.mark.parametrize("name", RIVALS)
def test_what_happened_after_the_test_snapshots_changes_nothing(
    name: str, study: Study, changed: Study, scores: dict[str, Scored]
) -> None:
    """And so the same seed gives the same scores."""
    other = system(name).fit_and_score(changed, 0).score
    np.testing.assert_array_equal(other, score(name, study, scores))


@pytest.mark.parametrize("name", RIVALS)
def test_another_seed_changes_only_what_is_random(
    name: str, study: Study, scores: dict[str, Scored]
) -> None:
    first = score(name, study, scores)
    second = system(name).fit_and_score(study, 1).score
    assert np.array_equal(first, second, equal_nan=True) == (system(name).SYSTEM.seeds == 1)


@pytest.mark.parametrize("name", RIVALS)
def test_missing_values_and_new_levels_have_a_score(
    name: str, tmp_path: Path, base: str
) -> None:
    names = {"visits": None, "channel": "by pigeon", "message": None, "written_at": None}
    gone = [pl.when(~TEST).then(c).otherwise(pl.lit(v)).alias(c) for c, v in names.items()]
    study, _ = study_of(tmp_path, leads().with_columns(gone), base)
    found = system(name).fit_and_score(study, 0).score
    assert np.isfinite(found[study.scored_positions()]).all()


@pytest.mark.parametrize("name", [*RIVALS, "llm_yes_no"])
def test_one_class_is_the_users_to_mend(name: str, study: Study) -> None:
    rows = study.table.rows.with_columns(pl.col("label") * 0)
    none = replace(study, table=replace(study.table, rows=rows), memory={})
    with pytest.raises(UserError, match=r"train part has 0 orders(.|\n)*validation part has 0"):
        system(name).fit_and_score(none, 0)


@pytest.mark.parametrize("name", ON_TEXT)
def test_without_text_it_says_so(name: str, tmp_path: Path, base: str) -> None:
    study, _ = study_of(tmp_path, leads(), base, text=None)
    with pytest.raises(UserError, match="no customer text"):
        system(name).fit_and_score(study, 0)


@pytest.mark.parametrize("name", ON_FIELDS)
def test_without_fields_it_says_so(name: str, tmp_path: Path, base: str) -> None:
    study, _ = study_of(tmp_path, leads(), base, fields=None)
    with pytest.raises(UserError, match="no fields"):
        system(name).fit_and_score(study, 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_from_numbers_alone(name: str, tmp_path: Path, base: str) -> None:
    """Without embedded bins xDeepFM and AutoInt could not even be built."""
    numeric = [{"column": "visits", "name": "visits"}]
    study, test = study_of(tmp_path, leads(), base, fields={"numeric": numeric})
    found = system(name).fit_and_score(study, 0).score[test["position"].to_numpy()]
    assert roc_auc_score(test["label"].to_numpy(), found) > 0.68


def test_a_rival_says_what_it_is(study: Study) -> None:
    for name in (*RIVALS, "llm_yes_no"):
        declared = system(name).SYSTEM
        assert declared.title
        assert declared.seeds in (1, 5)
        assert declared.reads in ("fields", "text", "both")
