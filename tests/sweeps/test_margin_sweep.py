"""Our sweep files on the real program."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from leadrank.training.sweep_file import load_sweep
from leadrank.training.sweep_trial import read_trials

ROOT = Path(__file__).parent.parent.parent
OURS = sorted((ROOT / "experiments/sweeps").glob("*.yaml"))
MAIN = "import sys; from leadrank.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def here(tmp_path, small_crm, monkeypatch) -> Path:
    """Where a user would stand: our experiments, and a small CRM among the data."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    shutil.copy(small_crm.crm, tmp_path / "experiments/data/small.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _covering(path: Path) -> list[dict]:
    """Combinations in which each value of each setting occurs."""
    choices = {name: one.choices for name, one in load_sweep(path).parameters.items()}
    longest = max(map(len, choices.values()))
    return [
        {name: values[k % len(values)] for name, values in choices.items()}
        for k in range(longest)
    ]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_every_value_of_our_sweeps_is_a_valid_setting(path, here, command_line, capsys):
    for parameters in _covering(path):
        words = load_sweep(path).words(parameters, {"DATA": "small"})
        with pytest.raises(SystemExit, match="0"):
            command_line(*words[words.index("fit") :], "--print_config")
        printed = yaml.safe_load(capsys.readouterr().out)
        for name, value in parameters.items():
            found = printed
            for key in name.split("."):
                found = found[key]
            assert found == value


@pytest.mark.slow
def test_the_margin_sweep_survives_a_kill_and_its_winner_can_be_trained(
    here, small_crm, command_line, embedded_base, capsys
):
    flags = [f"--data.root={small_crm.root}", "--smoke"]
    words = ["sweep", "experiments/sweeps/margins.yaml", "--data", "small", "--trials", "2"]
    runner = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words, *flags],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    folder = here / "runs/sweep-margins-small-smoke"
    while len(read_trials(folder)) < 2:
        assert runner.poll() is None, runner.communicate()
        time.sleep(0.1)
    os.kill(runner.pid, signal.SIGKILL)
    runner.communicate()
    assert [trial.state for trial in read_trials(folder)] == ["finished", "running"]
    first = (folder / "trials/000/trial.json").read_bytes()

    assert command_line(*words, *flags) == 0, capsys.readouterr()
    trials = read_trials(folder)
    assert [trial.state for trial in trials] == ["finished", "finished"], trials[1].error
    assert (folder / "trials/000/trial.json").read_bytes() == first
    assert (folder / "response.png").is_file()

    capsys.readouterr()
    crm = ["--data.crm", "experiments/data/small.yaml"]
    with pytest.raises(SystemExit, match="0"):
        command_line("fit", "--config", folder / "winner.yaml", *crm, "--print_config")
    winner = yaml.safe_load(capsys.readouterr().out)
    assert winner["model"]["encoder"]["adapt"] == "none"
    assert winner["model"]["preference"]["margins"] == trials[0].parameters[
        "model.preference.margins"
    ]  # fmt: skip
