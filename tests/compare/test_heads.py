"""Presets on frozen vectors: what `fit` would train, without its trunk, folder or loggers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leadrank.compare import heads
from leadrank.compare.presets import load_preset, settings_of
from leadrank.compare.study import open_study
from leadrank.compare.systems import lightgbm_stacked, probe
from leadrank.errors import UserError
from leadrank.model.encoder import EncoderSettings

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
PRESETS = ("pointwise", "asllr", "hpro", "hpro_paper", "hpro_released_code", "corn")

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def study_of(small_crm, data_of, monkeypatch):
    monkeypatch.setattr(heads, "HEAD_RATES", (1e-3, 1e-2))

    def build(epochs=2):
        encoder = EncoderSettings(layers=2, adapt="none", quantisation="none")
        data = data_of(small_crm)
        return open_study(data, encoder, experiments=EXPERIMENTS, max_epochs=epochs)

    return build


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_keeps_its_method_and_takes_the_comparisons_terms(study_of, name):
    study, _ = study_of()
    ranker, data = load_preset(study, name).ranker, load_preset(study, name).data
    encoder = ranker.encoder_settings
    assert (encoder.base, encoder.layers, encoder.adapt) == ("smollm2-135m", 2, "none")
    assert encoder.quantisation == "none"
    assert ranker.loss_settings.yes_no == 0
    assert data.prompt.max_tokens == 64
    assert data.preference == ranker.preference
    heads_of_paper = {"asllr", "hpro_paper", "hpro_released_code"}
    assert (ranker.head_settings.start == "random") == (name in heads_of_paper)
    assert (encoder.pooling == "last") == (name in heads_of_paper)
    assert (ranker.head_settings.kind == "corn") == (name == "corn")
    assert (ranker.loss_settings.preference == 0) == (name in ("pointwise", "asllr", "corn"))


def test_scores_are_those_of_the_best_epoch_at_the_best_rate(study_of, monkeypatch):
    study, _ = study_of(epochs=4)
    fitted = []
    whole = heads.fit_head
    monkeypatch.setattr(heads, "fit_head", lambda *a: fitted.append(whole(*a)) or fitted[-1])
    found = heads.fit_preset(study, "hpro_paper", 0)
    assert [fit.rate for fit in fitted] == [1e-3, 1e-2]
    best = max(fitted, key=lambda fit: fit.validation)
    np.testing.assert_array_equal(found.score, best.score)
    assert found.chosen["head_rate"] == best.rate
    assert 1 <= best.epoch <= 4
    asked = study.scored_positions()
    assert np.isfinite(found.score[asked]).all()
    assert np.isnan(np.delete(found.score, asked)).all()
    # The next seed takes the rate over, and trains once, whoever asks.
    other = heads.fit_preset(study, "hpro_paper", 1)
    heads.fit_preset(study, "hpro_paper", 1)
    assert [fit.rate for fit in fitted[2:]] == [best.rate]
    assert not np.array_equal(other.score[asked], found.score[asked])


def test_kept_scores_measure_as_the_epoch_that_was_chosen(study_of):
    """Not the last epoch's: the weights of the best one are back."""
    from leadrank.preference import ranking_metrics

    study, _ = study_of(epochs=5)
    fit = heads.fit_head(study, heads.ready(study, "asllr"), 0, 0.3)
    rows = study.positions("validation")
    label = study.data.rows.label[rows]
    found = ranking_metrics(torch.from_numpy(fit.score[rows]), label, torch.ones(len(rows)))
    assert found["average_precision"] == pytest.approx(fit.validation, abs=1e-6)


def test_what_happened_after_the_test_snapshots_changes_nothing(study_of, small_crm):
    first = heads.fit_preset(study_of()[0], "hpro", 0).score
    rows = small_crm.rows()
    for row in rows[168:]:  # of 240 the last 30 %
        other = str(1 - int(row["ordered"]))
        row |= {"ordered": other, "drive_at": row["enquired_at"] if other == "1" else ""}
    small_crm.write(rows)
    study, test = study_of()
    assert test["row_id"].min() == 168
    again = heads.fit_preset(study, "hpro", 0).score
    np.testing.assert_array_equal(again, first)


def test_a_head_that_learns_nothing_is_the_probe(study_of, monkeypatch):
    study, _ = study_of(epochs=1)
    fit = heads.fit_head(study, heads.ready(study, "pointwise"), 0, 0.0)
    expected = probe.fit_and_score(study, 0).score
    asked = study.scored_positions()
    np.testing.assert_allclose(fit.score[asked], expected[asked], atol=1e-4)


def test_the_stacked_rival_reads_scores_of_other_folds(study_of, monkeypatch):
    study, _ = study_of(epochs=1)
    folds = []
    whole = lightgbm_stacked.fit_head

    def noted(fold, *rest):
        folds.append(set(fold.positions("test")))
        assert folds[-1].isdisjoint(fold.positions("train"))
        return whole(fold, *rest)

    monkeypatch.setattr(lightgbm_stacked, "fit_head", noted)
    found = lightgbm_stacked.fit_and_score(study, 0)
    assert len(folds) == 5
    assert set().union(*folds) == set(study.positions("train"))
    assert np.isfinite(found.score[study.scored_positions()]).all()


def test_the_record_holds_what_decides_a_score_and_no_default(study_of):
    study, _ = study_of()
    record = settings_of(study, "hpro")
    assert record["encoder"] == {"quantisation": "none", "layers": "2", "adapt": "none"}
    assert record["head"] == record["sampler"] == {}
    assert settings_of(study, "pointwise")["loss"] == {"preference": "0.0"}


def test_a_preset_that_is_not_there_is_named(study_of):
    study, _ = study_of()
    with pytest.raises(UserError, match=r"nothing\.yaml: no such experiment"):
        load_preset(study, "nothing")
    missing = replace(study, experiments=Path("nowhere"))
    with pytest.raises(UserError, match=r"base\.yaml: no such experiment"):
        load_preset(missing, "hpro")
