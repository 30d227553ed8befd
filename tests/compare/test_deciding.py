"""What decides a system's scores is found, wherever in the code it stands."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from leadrank.compare import head_fit, networks, out_of_fold, presets, trees, tuning
from leadrank.compare.deciding import constants, deciding
from leadrank.compare.engine import load_systems, system_names
from leadrank.evaluation import lightgbm
from leadrank.model import field_features, probe
from leadrank.model.encoder import EncoderSettings
from leadrank.text import PromptTemplate, ngrams

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
        ("tfidf_lightgbm", trees, "HALF_OF_TREES"),
        ("tfidf_lightgbm", out_of_fold, "FOLDS"),
        ("tfidf_logistic", ngrams, "MOST_NGRAMS"),
        ("logistic", field_features, "NUM_BINS"),
        ("logistic", tuning, "TUNING_SEED"),
        ("hpro", presets, "HEAD_RATES"),
        ("lightgbm_stacked", presets, "TUNING_SEEDS"),
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
    """A grid of the networks leaves LightGBM's scores standing."""
    assert not any(key.startswith(("networks.", "presets.")) for key in found("lightgbm"))
    assert not any(key.startswith("ngrams") for key in found("lightgbm"))
    assert not any(key.startswith("networks.") for key in found("hpro"))


def test_every_system_but_the_plain_rules_has_a_constant_of_its_own_code():
    for name in system_names():
        own = [key for key in found(name) if not key.startswith("model.field_features")]
        assert own, name


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
