"""The local runner: resumable, one process a trial, failures recorded, validation chooses."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import psutil
import pytest

from leadrank.errors import UserError
from leadrank.training import sweep as runner
from leadrank.training.sweep import Sweep, draw, run_sweep
from leadrank.training.sweep_file import load_sweep
from leadrank.training.sweep_trial import Trial, _end_orphan, read_trials

MAIN = "import sys; from leadrank.cli import main; sys.exit(main(sys.argv[1:]))"


def _sweep(path: Path, **keys) -> Sweep:
    return Sweep(load_sweep(path), "shop", path.parent / "swept", **keys)


def _losses(trials: list[Trial]) -> list[tuple[object, str]]:
    return [(trial.parameters["loss"], trial.state) for trial in trials]


def test_every_combination_is_tried_and_its_best_epoch_counts(sweep_file):
    trials = run_sweep(_sweep(sweep_file({"loss": {"values": [0.25, 0.75]}})))
    assert [(trial.number, trial.value) for trial in trials] == [(0, 0.25), (1, 0.75)]
    # The first epoch of the two, which has the higher average precision, and nothing of test.
    assert trials[1].validation == {"val/auc": 0.6, "val/average_precision": 0.75}


def test_a_trial_that_fails_leaves_its_last_lines_and_stops_nothing(sweep_file):
    trials = run_sweep(_sweep(sweep_file({"loss": {"values": ["bad", 0.5]}})))
    assert _losses(trials) == [("bad", "failed"), (0.5, "finished")]
    assert trials[0].error.splitlines() == [
        *(f"line {number}" for number in range(13, 20)),
        "leadrank: loss: bad, expected a number",
    ]
    assert trials[0].value is None


def test_a_trial_without_the_metric_failed(sweep_file):
    (trial,) = run_sweep(_sweep(sweep_file({"loss": {"value": "none"}})))
    assert trial.state == "failed"
    assert trial.error.startswith("no finite val/average_precision in its metrics.csv")


def test_a_program_that_is_not_there_fails(sweep_file):
    command = ["no-such-program", "${args}"]
    (trial,) = run_sweep(_sweep(sweep_file({"loss": {"value": 1}}, command=command)))
    assert trial.error == "no-such-program: No such file or directory"


def test_what_finished_or_failed_is_not_run_again(sweep_file):
    sweep = _sweep(sweep_file({"loss": {"values": ["bad", 0.5]}}))
    first = run_sweep(sweep)
    logs = {log: log.stat().st_mtime_ns for log in sweep.folder.glob("trials/*/log.txt")}
    assert run_sweep(sweep) == first
    assert {log: log.stat().st_mtime_ns for log in logs} == logs


def test_what_the_user_must_mend_ends_the_sweep_and_is_run_again(sweep_file, workshop):
    """The second trial ends it, not the third; once mended, all three are run."""
    (workshop / "mistaken").touch()
    sweep = _sweep(sweep_file({"loss": {"values": ["mistake", "mistake 2", 0.75]}}))
    with pytest.raises(UserError, match=r"(?s)first 2 trials.*leads.csv: no such file.*again"):
        run_sweep(sweep)
    assert [trial.exit_code for trial in read_trials(sweep.folder)] == [2, 2]
    (workshop / "mistaken").unlink()
    assert [trial.value for trial in run_sweep(sweep)] == [0.5, 0.5, 0.75]


def test_mistakes_of_their_own_end_nothing():
    """Two combinations that are wrong for different reasons say nothing of the others."""
    wrong = [Trial(n, {}, "failed", exit_code=2, error=f"first\nloss: {n}") for n in (0, 1)]
    runner._check_mistakes(SimpleNamespace(folder="runs/sweep"), wrong)
    alike = [replace(trial, error="leads.csv: no such file") for trial in wrong]
    with pytest.raises(UserError, match="no such file"):
        runner._check_mistakes(SimpleNamespace(folder="runs/sweep"), alike)


def test_a_mistake_in_one_value_ends_nothing(sweep_file, workshop):
    (workshop / "mistaken").touch()
    sweep = _sweep(sweep_file({"loss": {"values": [0.5, "mistake", "mistake 2"]}}))
    states = ["finished", "failed", "failed"]
    assert [state for _, state in _losses(run_sweep(sweep))] == states


def test_what_trains_the_same_is_run_once(sweep_file):
    """Without pairs no margin counts, and without a margin no scheme of margins."""
    parameters = {
        "loss": {"values": [0.25, 0.75]},
        "model.loss.preference": {"values": [0.0, 1.0]},
        "model.preference.margins": {"values": ["tier", "uniform"]},
        "model.preference.margin_scale": {"values": [0, 1]},
    }
    sweep = _sweep(sweep_file(parameters))
    trials = run_sweep(sweep)
    same = [None, 0, 0, 0, None, None, 4, None]  # for each loss
    assert [trial.same_as for trial in trials] == [
        one if one is None else one + first for first in (0, 8) for one in same
    ]
    assert [trial.value for trial in trials] == [0.25] * 8 + [0.75] * 8
    assert run_sweep(sweep) == trials
    assert len(list(sweep.folder.glob("trials/*/log.txt"))) == 8


def test_a_process_that_ended_by_itself_is_no_orphan(tmp_path, monkeypatch):
    """It was there when the processes were listed, and is gone when it is to be ended."""
    folder = tmp_path / "trials/000"
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(gone.pid)
    process.info = {"cmdline": [f"--runs={folder}"]}
    gone.communicate()
    monkeypatch.setattr(psutil, "process_iter", lambda _: [process])
    _end_orphan(folder)


def test_a_bound_may_be_raised_later(sweep_file):
    path = sweep_file({"loss": {"values": [0.1, 0.2, 0.3]}})
    assert len(run_sweep(_sweep(path, most=1))) == 1
    assert [trial.value for trial in run_sweep(_sweep(path))] == [0.1, 0.2, 0.3]


def test_a_deleted_trial_is_run_again_under_its_number(sweep_file):
    sweep = _sweep(sweep_file({"loss": {"values": [0.1, 0.2, 0.3]}}))
    first = run_sweep(sweep)
    for file in sorted(sweep.folder.glob("trials/001/trial.json")):
        file.unlink()
    again = run_sweep(sweep)
    assert [(t.number, t.parameters, t.value) for t in again] == [
        (t.number, t.parameters, t.value) for t in first
    ]


def test_another_file_or_other_flags_need_another_folder(sweep_file):
    path = sweep_file({"loss": {"values": [0.1]}})
    run_sweep(_sweep(path))
    with pytest.raises(UserError, match="another version of the sweep file"):
        run_sweep(_sweep(path, flags=("--other=1",)))
    with pytest.raises(UserError, match="another version of the sweep file"):
        run_sweep(_sweep(sweep_file({"loss": {"values": [0.1, 0.2]}})))


@pytest.mark.parametrize("changed", ["plain.yaml", "base.yaml", "data/shop.yaml"])
def test_so_does_another_content_of_the_files_that_it_names(workshop, sweep_file, changed):
    path = sweep_file({"loss": {"values": [0.1]}})
    run_sweep(_sweep(path))
    file = workshop / "experiments" / changed
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(UserError, match="of the files that it names"):
        run_sweep(_sweep(path))


def test_a_search_without_end_needs_a_bound(sweep_file):
    path = sweep_file({"loss": {"min": 0.0, "max": 1.0}}, method="random")
    with pytest.raises(UserError, match="say --trials N"):
        run_sweep(_sweep(path))
    with pytest.raises(UserError, match="expected 1 or more"):
        run_sweep(_sweep(path, most=0))
    assert len(run_sweep(_sweep(path, most=2))) == 2


# Killed


def _runner(path: Path) -> subprocess.Popen:
    words = ["sweep", str(path), "--data", "shop", "--runs", "runs"]
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _wait(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def _of_trial(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if f"--runs={folder}" in (process.info["cmdline"] or [])
    ]


def test_a_killed_sweep_goes_on_where_it_was(sweep_file, workshop, capsys):
    """kill -9 of the runner during its second trial, which lives on as an orphan."""
    from leadrank.cli import main

    (workshop / "hold").touch()
    path = sweep_file({"loss": {"values": [0.25, "slow", 0.75]}})
    folder = workshop / "runs/sweep-tried-shop"
    runner = _runner(path)
    slow = folder.resolve() / "trials/001"
    try:
        _wait(lambda: _of_trial(slow) or runner.poll() is not None)
        assert runner.poll() is None, runner.communicate()
        with pytest.raises(UserError, match="somebody runs this sweep now"):
            run_sweep(Sweep(load_sweep(path), "shop", folder))
    finally:
        os.kill(runner.pid, signal.SIGKILL)
        runner.communicate()
    assert runner.returncode == -signal.SIGKILL
    orphans = _of_trial(slow)
    assert len(orphans) == 1
    assert [trial.state for trial in read_trials(folder)] == ["finished", "running"]
    before = (folder / "trials/000/log.txt").stat().st_mtime_ns

    # The orphan still waits; the trial that starts in its place does not.
    (slow / "experiment-data/of-the-orphan").touch()
    (workshop / "hold").rename(workshop / "held")
    orphans[0].suspend()
    assert main(["sweep", str(path), "--data", "shop", "--runs", "runs"]) == 0
    assert not orphans[0].is_running()
    assert [trial.value for trial in read_trials(folder)] == [0.25, 0.5, 0.75]
    assert (folder / "trials/000/log.txt").stat().st_mtime_ns == before
    assert not (slow / "experiment-data/of-the-orphan").exists()
    assert pl.read_csv(folder / "results.csv")["trial"].to_list() == [0, 1, 2]
    assert "val/average_precision" in capsys.readouterr().out


# What a search draws


def _tried(file, values: list[float | None]) -> list[Trial]:
    trials: list[Trial] = []
    for value in values:
        state = "failed" if value is None else "finished"
        trials.append(Trial(len(trials), draw(file, trials), state, value))
    return trials


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_draws_differ_and_do_not_depend_on_interruptions(sweep_file, method):
    parameters = {
        "loss": {"min": 0.0, "max": 1.0},
        "rate": {"min": 1e-4, "max": 1e-1, "distribution": "log_uniform_values"},
        "layers": {"min": 1, "max": 3},
        "step": {"min": 0.0, "max": 1.0, "q": 0.25, "distribution": "q_uniform"},
        "word": {"values": ["a", True, 2]},
    }
    file = load_sweep(sweep_file(parameters, method=method))
    values = [0.1, None, *(0.1 * k for k in range(12))]
    drawn = [trial.parameters for trial in _tried(file, values)]
    assert drawn == [trial.parameters for trial in _tried(file, values)]
    assert len({one["loss"] for one in drawn}) == len(drawn)
    for one in drawn:
        assert 0 <= one["loss"] <= 1
        assert 1e-4 <= one["rate"] <= 1e-1
        assert one["layers"] in (1, 2, 3)
        assert one["step"] in (0.0, 0.25, 0.5, 0.75, 1.0)
        assert one["word"] in ("a", True, 2)
    # As JSON keeps it, so that a resumed sweep knows what was tried.
    assert json.loads(json.dumps(drawn)) == drawn


@pytest.mark.parametrize(("goal", "best"), [("maximize", 1.0), ("minimize", 0.0)])
def test_bayes_goes_where_it_is_better(sweep_file, goal, best):
    """value = loss itself: after the ten random draws TPE stays near the better end."""
    metric = {"name": "val/average_precision", "goal": goal}
    path = sweep_file({"loss": {"min": 0.0, "max": 1.0}}, method="bayes", metric=metric)
    file = load_sweep(path)
    trials: list[Trial] = []
    for number in range(30):
        parameters = draw(file, trials)
        trials.append(Trial(number, parameters, "finished", parameters["loss"]))
    late = [abs(trial.value - best) for trial in trials[-10:]]
    # A uniform draw is 0.5 away on average.
    assert sum(late) / len(late) < 0.25
