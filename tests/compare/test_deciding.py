"""What decides a system's scores is found, wherever in the code it stands."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from leadrank.compare import head_fit, heads, networks, out_of_fold, tuning
from leadrank.compare.deciding import GROUPS, changed, constants, deciding, values_of
from leadrank.compare.system import System
from leadrank.compare.systems import load_systems, system_names, tfidf_lightgbm
from leadrank.evaluation import lightgbm
from leadrank.model import crosses, field_features, probe
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.preference import corn
from leadrank.text import PromptTemplate, cut, ngrams, render

SYSTEMS = load_systems(system_names())


def found(name):
    return constants(SYSTEMS[name])


@pytest.mark.parametrize(
    ("name", "module", "constant"),
    [
        ("deepfm", networks, "HIDDEN"),
        ("deepfm", networks, "CONFIGURATIONS"),
        ("lightgbm", lightgbm, "MOST_TREES"),
        ("two_stage", lightgbm, "PATIENCE"),
        ("tfidf_lightgbm", tfidf_lightgbm, "CONFIGURATIONS"),
        ("tfidf_lightgbm", out_of_fold, "FOLDS"),
        ("tfidf_logistic", ngrams, "MOST_NGRAMS"),
        ("logistic", field_features, "NUM_BINS"),
        ("logistic", tuning, "TUNING_SEED"),
        ("hpro", heads, "HEAD_RATES"),
        ("lightgbm_stacked", heads, "TUNING_SEEDS"),
        ("corn", corn, "LARGE"),
        ("llm_yes_no", render, "VALUE_CHARACTERS"),
        ("vectors_lightgbm", cut, "LEAST_TOKENS"),
        ("pointwise", crosses, "MOST_CROSSES"),
        ("asllr", head_fit, "MONITOR"),
        ("probe", probe, "TEXT_PENALTIES"),
        ("probe_full_depth", probe, "NUM_FOLDS"),
    ],
)
def test_a_changed_constant_is_another_setting(name, module, constant, monkeypatch):
    before = found(name)
    monkeypatch.setattr(module, constant, "changed")
    after = found(name)
    changed = {key.split(".")[-1] for key in before if before[key] != after[key]}
    assert changed == {constant}


def test_what_a_system_does_not_run_is_none_of_its_settings():
    """A grid of the networks leaves LightGBM's scores standing, rates of heads the probe's."""
    named = {name: " ".join(found(name)) for name in system_names()}
    for name, others in {
        "lightgbm": ("networks.", "heads.", "ngrams.", "tuning."),
        "hpro": ("networks.", "BUDGET"),
        "probe_full_depth": ("HEAD_RATES", "TUNING_SEEDS", "MONITOR"),
        "funnel_recency": ("tuning.",),
        "llm_yes_no": ("tuning.", "heads."),
    }.items():
        assert not any(other in named[name] for other in others), name
    # Nor what is only said, or how large a cache may be.
    assert not any("_BYTES" in one or "LOGGED" in one for one in named.values())


#: What is tuned by the one budget, or reads what all do, has no grid of its own in these.
SHARED = ("tuning.", "head_fit.", "model.", "text.", "evaluation.lightgbm.MOST_TREES")
SHARED += ("evaluation.lightgbm.PATIENCE", "evaluation.lightgbm.THREADS", "trees.THREADS")


def own(system):
    return [key for key in constants(system) if not key.startswith(SHARED)]


def test_every_system_that_is_tuned_has_its_grid_in_a_constant():
    untuned = {"funnel_recency", "llm_yes_no"}  # and probes search penalties of model.probe
    for name in set(system_names()) - untuned - {"probe", "probe_full_depth"}:
        assert own(SYSTEMS[name]), name
    assert not any(own(SYSTEMS[name]) for name in untuned)


def test_a_grid_inside_a_function_is_no_constant_and_so_would_be_found_out():
    def fit_and_score(study, seed):
        return tuning.tuned(study, "hidden", [{"rate": 1}], lambda c, s: c, seed)

    fit_and_score.__module__ = "leadrank.compare.systems.hidden"
    hidden = System("hidden", fit_and_score, reads="fields")
    assert "tuning.BUDGET" in constants(hidden)
    assert own(hidden) == []


def test_a_changed_default_is_noticed_and_a_new_setting_at_its_default_is_not():
    """A record holds all values; one that it lacks is newer than it."""
    now = {"head": values_of(GROUPS["head"]()), "constants": {"a.GRID": "(1,)"}}
    then = {"head": now["head"] | {"hidden": "63"}, "constants": now["constants"]}
    assert changed(now, then) == ["head.hidden"]
    older = {name: value for name, value in now["head"].items() if name != "dropout"}
    assert changed(now, {**now, "head": older}) == []
    given = {**now, "head": now["head"] | {"dropout": "0.9"}}
    assert changed(given, {**now, "head": older}) == ["head.dropout"]
    # A setting that is no more, and a constant that is new, are other code.
    assert changed(now, {**now, "head": now["head"] | {"gone": "1"}}) == ["head.gone"]
    assert changed(now, {**now, "constants": {}}) == ["constants.a.GRID"]


def test_the_base_its_depth_and_the_prompt_are_settings_of_what_an_llm_reads(monkeypatch):
    monkeypatch.setattr(
        "leadrank.compare.deciding.resolve_base", lambda base: SimpleNamespace(revision="r1")
    )
    data = SimpleNamespace(
        prompt=PromptTemplate(), preference=SimpleNamespace(maturity="mature")
    )
    study = SimpleNamespace(data=data, encoder=EncoderSettings(layers=12))
    deeper = SimpleNamespace(data=data, encoder=EncoderSettings(layers=30))
    longer = SimpleNamespace(
        data=SimpleNamespace(prompt=PromptTemplate(max_tokens=99), preference=data.preference),
        encoder=study.encoder,
    )
    for name in ("llm_yes_no", "vectors_lightgbm"):
        settings = [deciding(SYSTEMS[name], one) for one in (study, deeper, longer)]
        assert settings[0] != settings[1]
        assert settings[0] != settings[2]
        json.dumps(settings)
    fields = [deciding(SYSTEMS["lightgbm"], one) for one in (study, deeper, longer)]
    assert fields[0] == fields[1] == fields[2]
    own = replace(SYSTEMS["lightgbm"], settings=lambda study: {"mine": 1})
    assert deciding(own, study) == {**fields[0], "mine": 1}
