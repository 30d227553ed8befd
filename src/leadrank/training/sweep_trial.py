"""One trial of a sweep: a process of its own, in a folder of its own that says how it went.

The folder is the only record: delete it and the trial is run again. A killed runner leaves
`running` behind, and perhaps the process, which is ended before the trial starts again.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import polars as pl
import psutil

from leadrank.training.sweep_file import Metric, Value

RECORD = "trial.json"
LOG = "log.txt"
ERROR_LINES = 8
#: How `leadrank` ends where the user has made a mistake.
MISTAKE = 2


@dataclass(frozen=True)
class Trial:
    """What is known of a trial.

    Attributes:
        number: counted from 0.
        parameters: its settings by their dotted flags.
        state: `running` also when it was cut off.
        value: the sweep's metric at its best epoch; None unless finished.
        validation: all figures of the validation part at that epoch.
        seconds: how long the process took.
        error: the last lines of its log, when it failed.
        exit_code: of its process; None before that ended.
        same_as: the trial that it is taken from, where it would train the same.
    """

    number: int
    parameters: dict[str, Value]
    state: Literal["running", "finished", "failed"] = "running"
    value: float | None = None
    validation: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    exit_code: int | None = None
    same_as: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be run: cut off, or ended by a mistake that may be mended."""
        return self.state == "running" or self.exit_code == MISTAKE


def trial_folder(sweep: Path, number: int) -> Path:
    """Where a trial lies; absolute, so that no other process's command names it."""
    return sweep.resolve() / "trials" / f"{number:03}"


def read_trials(sweep: Path) -> list[Trial]:
    """All trials of a sweep by number, those that were cut off as `running`."""
    records = sorted(sweep.glob(f"trials/*/{RECORD}"))
    trials = [Trial(**json.loads(record.read_text("utf-8"))) for record in records]
    return sorted(trials, key=lambda trial: trial.number)


def run_trial(sweep: Path, trial: Trial, words: Sequence[str], metric: Metric) -> Trial:
    """Runs the command to its end and records how it went; what failed is recorded too."""
    trial = Trial(trial.number, trial.parameters)
    folder = trial_folder(sweep, trial.number)
    _end_orphan(folder)
    _begin(folder, trial)
    began = time.monotonic()
    code = _run(folder, [*words, f"--runs={folder}", "--wandb.enabled=false"])
    seconds = round(time.monotonic() - began, 1)
    validation = _best_epoch(folder, metric) if code == 0 else {}
    if metric.name in validation:
        done = replace(
            trial, state="finished", value=validation[metric.name], validation=validation
        )
    else:
        why = f"no finite {metric.name} in its metrics.csv\n" if code == 0 else ""
        done = replace(trial, state="failed", error=why + _last_lines(folder / LOG))
    done = replace(done, seconds=seconds, exit_code=code)
    _write(folder, done)
    return done


def take_over(sweep: Path, trial: Trial, twin: Trial) -> Trial:
    """Records what its twin found as this trial's: it would train the same."""
    found = replace(twin, number=trial.number, parameters=trial.parameters, seconds=0.0)
    found = replace(found, same_as=twin.number)
    _begin(trial_folder(sweep, trial.number), found)
    return found


def _begin(folder: Path, trial: Trial) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write(folder, trial)


def _run(folder: Path, words: Sequence[str]) -> int:
    # `leadrank` is the one beside this interpreter, whether or not .venv is activated.
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([here, os.environ.get("PATH", "")])}
    with (folder / LOG).open("w", encoding="utf-8") as log:
        try:
            return subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                check=False,
            ).returncode  # fmt: skip
        except OSError as error:
            print(f"{words[0]}: {error.strerror}", file=log)
            return 127


def _end_orphan(folder: Path) -> None:
    """Ends the process that a killed runner left writing into this folder."""
    orphans = [
        process
        for process in psutil.process_iter(["cmdline"])
        if f"--runs={folder}" in (process.info["cmdline"] or [])
    ]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    psutil.wait_procs(orphans, timeout=10)


def _best_epoch(folder: Path, metric: Metric) -> dict[str, float]:
    """The validation figures of the epoch that is best by the metric; empty when there is none.

    Only `val/` columns are read: nothing of the test part can choose.
    """
    files = sorted(folder.glob("*/version_*/metrics.csv"))
    if not files:
        return {}
    table = pl.read_csv(files[-1], infer_schema_length=None)
    if metric.name not in table.columns:
        return {}
    rows = table.filter(pl.col(metric.name).cast(pl.Float64).is_finite())
    if rows.is_empty():
        return {}
    best = rows.sort(metric.name, descending=metric.goal == "maximize").row(0, named=True)
    return {
        name: float(value)
        for name, value in best.items()
        if name.startswith("val/") and value is not None and math.isfinite(float(value))
    }


def _last_lines(log: Path) -> str:
    text = log.read_text("utf-8", errors="replace")
    # A progress bar ends its states with a carriage return.
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    return "\n".join(lines[-ERROR_LINES:])


def _write(folder: Path, trial: Trial) -> None:
    """In one step, so that a kill leaves the old record or the new one."""
    draft = folder / f".{RECORD}"
    draft.write_text(json.dumps(asdict(trial), indent=1) + "\n", "utf-8")
    draft.replace(folder / RECORD)
