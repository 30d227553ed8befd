"""Presets on frozen vectors: what `fit` would train, without its trunk, folder or loggers."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from leadrank.compare import head_fit, heads
from leadrank.compare.presets import load_preset, settings_of
from leadrank.compare.study import open_study
from leadrank.compare.systems import lightgbm_stacked, probe
from leadrank.errors import UserError
from leadrank.model.encoder_settings import EncoderSettings

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
PRESETS = ("pointwise", "asllr", "hpro", "hpro_paper", "hpro_released_code", "corn")

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def study_of(small_crm, data_of, monkeypatch):
    monkeypatch.setattr(heads, "HEAD_RATES", (1e-2,))
    monkeypatch.setattr(heads, "TUNING_SEEDS", (0,))

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


def test_a_seeds_scores_are_those_of_its_own_fit(study_of, monkeypatch):
    study, _ = study_of()
    fitted = []
    whole = heads.fit_head
    monkeypatch.setattr(heads, "fit_head", lambda *a: fitted.append(whole(*a)) or fitted[-1])
    found, other = (heads.fit_preset(study, "hpro_paper", seed) for seed in (0, 1))
    heads.fit_preset(study, "hpro_paper", 1)
    assert len(fitted) == 2  # the tuning's own seed, and the next one once
    asked = study.scored_positions()
    for scored, fit in zip((found, other), fitted, strict=True):
        np.testing.assert_array_equal(scored.score, fit.score)
        assert scored.chosen["best_epoch"] == fit.epoch in (1, 2)
        assert np.isfinite(scored.score[asked]).all()
        assert np.isnan(np.delete(scored.score, asked)).all()
    assert not np.array_equal(other.score[asked], found.score[asked])


def test_the_rate_is_chosen_by_the_mean_over_the_seeds_of_the_tuning(monkeypatch):
    """At seed 0 alone the slow rate would win, .9 over .8; on average it has .5."""
    validation = {(1e-3, 0): 0.9, (1e-3, 1): 0.1, (1e-2, 0): 0.8, (1e-2, 1): 0.8}

    def made_up(study, head, seed, rate):
        return head_fit.Fitted(np.full(3, rate + seed), validation[rate, seed], 1, rate)

    monkeypatch.setattr(heads, "HEAD_RATES", (1e-3, 1e-2))
    monkeypatch.setattr(heads, "TUNING_SEEDS", (0, 1))
    monkeypatch.setattr(heads, "fit_head", made_up)
    monkeypatch.setattr(heads, "ready", lambda study, name: None)
    study = SimpleNamespace(memory={})
    found = heads.fit_preset(study, "hpro", 0)
    assert found.chosen["head_rate"] == 1e-2
    assert found.chosen["validation_by_rate"] == {"0.001": [0.9, 0.1], "0.01": [0.8, 0.8]}
    np.testing.assert_array_equal(heads.fit_preset(study, "hpro", 1).score, np.full(3, 1.01))


def test_without_an_auc_in_any_epoch_it_says_so(study_of, monkeypatch):
    study, _ = study_of(epochs=1)
    monkeypatch.setattr(head_fit, "MONITOR", "val/brier")  # any other figure, made undefined
    monkeypatch.setattr(
        "leadrank.preference.metrics.brier", lambda *a: torch.tensor(float("nan"))
    )
    with pytest.raises(UserError, match="undefined after every epoch"):
        heads.fit_head(study, heads.ready(study, "pointwise"), 0, 1e-3)


def test_kept_scores_measure_as_the_epoch_that_was_chosen(study_of):
    """Not the last epoch's: the weights of the best one are back."""
    from leadrank.preference import ranking_metrics

    study, _ = study_of(epochs=5)
    fit = heads.fit_head(study, heads.ready(study, "asllr"), 0, 0.3)
    rows = study.positions("validation")
    label = study.data.rows.label[rows]
    found = ranking_metrics(torch.from_numpy(fit.score[rows]), label, torch.ones(len(rows)))
    assert found["auc"] == pytest.approx(fit.validation, abs=1e-6)


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
    monkeypatch.setattr(head_fit, "earns_its_keep", lambda *_: True)
    fit = heads.fit_head(study, heads.ready(study, "pointwise"), 0, 0.0)
    expected = probe.fit_and_score(study, 0).score
    asked = study.scored_positions()
    assert fit.epoch == 1
    np.testing.assert_allclose(fit.score[asked], expected[asked], atol=1e-4)


def test_a_head_that_is_not_clearly_better_stays_its_probe(study_of, monkeypatch):
    study, _ = study_of(epochs=1)
    ready, asked = heads.ready(study, "pointwise"), study.scored_positions()
    found = {}
    for kept in (True, False):
        monkeypatch.setattr(head_fit, "earns_its_keep", lambda *_, kept=kept: kept)
        found[kept] = heads.fit_head(study, ready, 0, 0.1)
    assert (found[True].epoch, found[False].epoch) == (1, 0)
    np.testing.assert_array_equal(found[False].score[asked], ready.probe_score[asked])
    assert abs(found[True].score - found[False].score)[asked].max() > 0.1
    assert np.isnan(np.delete(found[False].score, asked)).all()


def test_heads_that_start_at_random_have_no_start_to_stay(study_of, monkeypatch):
    study, _ = study_of(epochs=1)
    monkeypatch.setattr(head_fit, "earns_its_keep", lambda *_: False)
    assert heads.fit_head(study, heads.ready(study, "asllr"), 0, 0.1).epoch == 1


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


def test_the_record_holds_every_value_that_decides_a_score(study_of):
    """Also those at their default: another version may have another default."""
    study, _ = study_of()
    record = settings_of(study, "hpro")
    encoder = record["encoder"]
    assert [encoder[name] for name in ("quantisation", "layers")] == ["none", "2"]
    assert (record["head"]["hidden"], record["head"]["dropout"]) == ("64", "0.2")
    assert record["sampler"]["batch_size"] == "32"
    assert settings_of(study, "pointwise")["loss"]["preference"] == "0.0"
    # Rates of the head and losses are none of the probe's.
    assert probe.settings(study).keys() == {"encoder", "prompt", "maturity", "reads"}


def test_a_preset_that_is_not_there_is_named(study_of):
    study, _ = study_of()
    with pytest.raises(UserError, match=r"nothing\.yaml: no such experiment"):
        load_preset(study, "nothing")
    missing = replace(study, experiments=Path("nowhere"))
    with pytest.raises(UserError, match=r"base\.yaml: no such experiment"):
        load_preset(missing, "hpro")
