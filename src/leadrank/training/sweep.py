"""A sweep on this machine: no account, no server, one trial after the other, resumable.

What a trial draws depends on the trials before it alone, so a sweep that was killed goes on as
if it had not been. Given up: trials at the same time, which W&B's agents do.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial
from tqdm import tqdm

from leadrank.errors import UserError
from leadrank.training.sweep_file import Parameter, SweepFile, Value
from leadrank.training.sweep_results import short_names, write_results
from leadrank.training.sweep_same import what_trains
from leadrank.training.sweep_trial import MISTAKE, Trial, read_trials, run_trial, take_over

IDENTITY = "sweep.json"
#: So many trials must end by the user's mistake before the sweep does: one may be a bad value.
MISTAKES = 2


@dataclass(frozen=True)
class Sweep:
    """A sweep file, what to run it on and where.

    Args:
        file: the sweep file.
        data: what `${envvar:DATA}` stands for.
        folder: holds the trials and their results.
        flags: further flags of every trial.
        most: no more trials than this; None: all of a grid, or the file's `run_cap`.
    """

    file: SweepFile
    data: str
    folder: Path
    flags: tuple[str, ...] = ()
    most: int | None = None

    def words(self, parameters: Mapping[str, Value]) -> list[str]:
        """A trial's command; its own flags come last, so they win."""
        environment = {**os.environ, "DATA": self.data}
        return [*self.file.words(parameters, environment), *self.flags]

    @property
    def total(self) -> int:
        """Trials in all; UserError where neither a grid nor a number bounds them."""
        size = len(self.file.grid()) if self.file.method == "grid" else None
        bounds = [n for n in (size, self.most, self.file.run_cap) if n is not None]
        if bounds and min(bounds) < 1:
            raise UserError(f"--trials {self.most}: expected 1 or more")
        if not bounds:
            raise UserError(
                f"method: {self.file.method} never ends by itself; say --trials N, or "
                "write run_cap: N into the sweep file"
            )
        return min(bounds)


def run_sweep(sweep: Sweep) -> list[Trial]:
    """Runs the trials that are not finished yet; all trials, by number.

    Raises UserError where the folder holds another sweep or somebody runs it now.
    """
    total = sweep.total
    sweep.folder.mkdir(parents=True, exist_ok=True)
    with _alone(sweep.folder):
        _check_identity(sweep)
        trials = read_trials(sweep.folder)
        done = [trial for trial in trials if not trial.is_open]
        left = [trial for trial in trials if trial.is_open]
        with tqdm(total=total, initial=len(done), desc="sweep", unit="trial", ncols=80) as bar:
            while len(done) < total:
                trial = left.pop(0) if left else _next(sweep.file, done)
                done.append(_run(sweep, trial, done))
                write_results(sweep.folder / "results.csv", done)
                tqdm.write(_line(sweep.file, done[-1]))
                bar.update()
                _check_mistakes(sweep, done)
    return sorted(done, key=lambda trial: trial.number)


def _run(sweep: Sweep, trial: Trial, done: Sequence[Trial]) -> Trial:
    """The trial, run or taken from one that trained the same."""
    same = what_trains(trial.parameters)
    for twin in done:
        if twin.state == "finished" and what_trains(twin.parameters) == same:
            return take_over(sweep.folder, trial, twin)
    return run_trial(sweep.folder, trial, sweep.words(trial.parameters), sweep.file.metric)


def _check_mistakes(sweep: Sweep, done: Sequence[Trial]) -> None:
    """UserError where the user's mistake ended the first trials: it will end all others."""
    if len(done) < MISTAKES or any(trial.exit_code != MISTAKE for trial in done):
        return
    # Two combinations that are wrong for reasons of their own say nothing of the others.
    if len({trial.error.splitlines()[-1] for trial in done}) > 1:
        return
    raise UserError(
        f"{sweep.folder}: the first {len(done)} trials ended with exit code {MISTAKE}, a "
        f"mistake that the others would repeat; the last one said\n{done[-1].error}\n"
        "Mend it and run the sweep again"
    )


def _next(file: SweepFile, trials: Sequence[Trial]) -> Trial:
    taken = {trial.number for trial in trials}
    number = next(number for number in count() if number not in taken)
    return Trial(number, draw(file, trials))


def draw(file: SweepFile, trials: Sequence[Trial]) -> dict[str, Value]:
    """The settings of the next trial; of a grid, the first combination that was not tried."""
    if file.method == "grid":
        tried = [trial.parameters for trial in trials]
        return next(one for one in file.grid() if one not in tried)
    seed = len(trials)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction=file.metric.goal,
        sampler=optuna.samplers.TPESampler(seed=seed)
        if file.method == "bayes"
        else optuna.samplers.RandomSampler(seed=seed),
    )
    space = {name: _distribution(one) for name, one in file.parameters.items()}
    for trial in trials:
        study.add_trial(_told(trial, space))
    return study.ask(space).params


def _told(trial: Trial, space: dict[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    """A trial as Optuna keeps it; failed ones tell it nothing."""
    finished = trial.state == "finished"
    return create_trial(
        state=TrialState.COMPLETE if finished else TrialState.FAIL,
        value=trial.value,
        params=trial.parameters,
        distributions=space,
    )


def _distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.choices is not None:
        return CategoricalDistribution(parameter.choices)
    low, high = parameter.min, parameter.max
    assert low is not None
    assert high is not None
    if parameter.kind == "int_uniform":
        return IntDistribution(int(low), int(high))
    step = parameter.q if parameter.kind == "q_uniform" else None
    return FloatDistribution(low, high, log=parameter.kind == "log_uniform_values", step=step)


def _line(file: SweepFile, trial: Trial) -> str:
    names = short_names(file.varied)
    settings = " ".join(f"{names[n]}={trial.parameters[n]}" for n in file.varied)
    if trial.state == "failed":
        last = trial.error.splitlines()[-1:] or ["it said nothing"]
        return f"trial {trial.number} failed: {settings}\n  {last[0]}"
    how = f"{trial.seconds:.0f} s" if trial.same_as is None else f"as trial {trial.same_as}"
    return f"trial {trial.number}: {trial.value:.4f} {settings} ({how})"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which the system drops when this process ends, killed or not."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: somebody runs this sweep now; wait, or end that process"
            ) from None
        yield


def _check_identity(sweep: Sweep) -> None:
    """Trials of one folder must have had the same files and flags, or they compare nothing."""
    # The command with DATA and the flags in it.
    words = sweep.words({})
    named = [Path(word.partition("=")[2] or word) for word in words]
    files = [file for file in named if file.suffix == ".yaml" and file.is_file()]
    # Every experiment is read over the base that lies beside it.
    files += [file.with_name("base.yaml") for file in files]
    read = {str(f): sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()}
    identity = {"file": asdict(sweep.file), "words": words, "read": read}
    record = sweep.folder / IDENTITY
    text = json.dumps(identity, indent=1) + "\n"
    if not record.is_file():
        record.write_text(text, "utf-8")
    elif record.read_text("utf-8") != text:
        raise UserError(
            f"{sweep.folder}: holds trials of another version of the sweep file, of the files "
            "that it names, or of other flags; move the folder away, or give another --runs"
        )
