"""Sweep files: W&B takes ours as they stand, and we read what W&B writes."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

from leadrank.errors import UserError
from leadrank.training.sweep_file import load_sweep

ROOT = Path(__file__).parent.parent.parent
OURS = sorted((ROOT / "experiments/sweeps").glob("*.yaml"))
# From W&B's package sweeps 0.3.0 (MIT, licence beside it). The package itself cannot be
# installed here: it wants numpy < 2.
SCHEMA = json.loads((Path(__file__).parent / "wandb_schema.json").read_text("utf-8"))


def _violations(content: object) -> list[str]:
    formats = FormatChecker(())
    formats.checks("float")(lambda value: isinstance(value, float))
    formats.checks("integer")(lambda value: isinstance(value, int))
    errors = Draft7Validator(SCHEMA, format_checker=formats).iter_errors(content)
    return [error.message for error in errors]


def test_the_three_sweeps_are_there():
    assert [path.stem for path in OURS] == ["encoder", "margins", "pairs", "weights"]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_files_pass_the_schema_of_wandb(path):
    assert _violations(yaml.safe_load(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"method": "gird"},
        {"parameters": {}},
        {"parameters": {"a": {"values": []}}},
        {"parameters": {"a": {"min": "low", "max": 2}}},
        {"metric": {"goal": "maximize"}},
    ],
)
def test_the_schema_of_wandb_refuses_what_is_wrong(change):
    content = yaml.safe_load(OURS[0].read_text("utf-8"))
    assert _violations(content) == []
    assert _violations({**content, **change})


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_trial_is_called_here_as_the_agent_of_wandb_calls_it(path, monkeypatch):
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    file = load_sweep(path)
    parameters = file.grid()[-1]
    monkeypatch.setenv("DATA", "raop")
    # What wandb_agent.Agent._command_run does with the two.
    meanings = create_sweep_command_args(
        {"args": {n: {"value": v} for n, v in parameters.items()}}
    )
    meanings |= {"env": ["/usr/bin/env"], "program": [file.program]}
    words = []
    for word in create_sweep_command(list(file.command)):
        words += meanings[word[2:-1]] if word.startswith("${") else [word]
    assert file.words(parameters, {"DATA": "raop"}) == words
    assert "--data.crm=experiments/data/raop.yaml" in words


def test_a_grid_is_every_combination(sweep_file):
    path = sweep_file(
        {"a": {"values": [1, 2]}, "b": {"value": "x"}, "c": {"values": [True, 0.5]}}
    )
    assert load_sweep(path).grid() == [
        {"a": 1, "b": "x", "c": True},
        {"a": 1, "b": "x", "c": 0.5},
        {"a": 2, "b": "x", "c": True},
        {"a": 2, "b": "x", "c": 0.5},
    ]
    assert load_sweep(path).varied == ["a", "c"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"metric": {"name": "test/auc", "goal": "maximize"}},
            "only figures of the validation",
        ),
        ({"early_terminate": {"type": "hyperband"}}, "early_terminate: not known here"),
        ({"method": "gird"}, "method: .*'grid', 'random' or 'bayes'"),
        ({"command": ["leadrank", "fit"]}, r"\$\{args\} among them"),
        ({"command": ["${args_json}", "${args}"]}, "expected .*plain words"),
        ({"program": None}, "program: "),
    ],
)
def test_what_cannot_run_here_is_said(sweep_file, keys, said):
    path = sweep_file({"a": {"values": [1]}}, **keys)
    with pytest.raises(UserError, match=f"(?s)tried.yaml.*{said}"):
        load_sweep(path)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ({}, "expected one of"),
        ({"values": []}, "expected one of"),
        ({"values": [0, 0.0]}, "holds one of them twice"),
        ({"value": 1, "values": [1]}, "expected one of"),
        ({"min": 2, "max": 1}, "min 2.* is not below max 1"),
        ({"min": 0, "max": 1, "distribution": "beta"}, "no distribution 'beta'"),
        ({"min": 0, "max": 1, "distribution": "log_uniform_values"}, "begins above 0"),
        ({"min": 1, "max": 2}, "a grid needs `values`, which a has not"),
        ({"valeus": [1]}, "valeus: not known here"),
    ],
)
def test_a_parameter_that_means_nothing_is_named(sweep_file, parameter, said):
    with pytest.raises(UserError, match=said):
        load_sweep(sweep_file({"a": parameter}))


def test_all_problems_are_told_at_once(sweep_file):
    path = sweep_file({"a": {"values": []}, "b": {"min": 2, "max": 1}}, method="gird")
    with pytest.raises(UserError) as told:
        load_sweep(path)
    assert all(name in str(told.value) for name in ("parameters.a", "parameters.b", "method"))


def test_a_misspelt_sweep_gets_its_nearest_name(sweep_file):
    path = sweep_file({"a": {"values": [1]}})
    with pytest.raises(UserError, match="did you mean 'tried'"):
        load_sweep(path.with_name("tired.yaml"))
