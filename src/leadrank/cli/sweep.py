"""`leadrank sweep`: a W&B sweep file on this machine, without account or server."""

import os
import shlex
from pathlib import Path

from leadrank.errors import UserError
from leadrank.training.root import found_crm
from leadrank.training.sweep import Sweep, run_sweep
from leadrank.training.sweep_file import load_sweep
from leadrank.training.sweep_results import (
    format_settings,
    settings_table,
    write_response,
    write_winner,
)

SMOKE = "--smoke"


def run_sweep_command(
    path: Path, data: str, flags: list[str], *, runs: Path, most: int | None
) -> int:
    """Runs what is left of a sweep, prints its best settings, writes picture and winner.

    Args:
        path: the sweep file.
        data: what `${envvar:DATA}` stands for: a CRM file of experiments/data.
        flags: further flags of every trial.
        runs: folder of all runs; the sweep's is `runs/sweep-NAME-DATA`.
        most: no more trials than this.
    """
    file = load_sweep(path)
    # A smoke run must not be taken for the sweep.
    smoke = SMOKE if SMOKE in flags else ""
    folder = runs / f"sweep-{path.stem}-{data}{smoke[1:]}"
    sweep = Sweep(file, data, folder, tuple(flags), most)
    experiment = _checked_files(path, sweep.words({}))
    _check_flags(flags, list(file.parameters))
    trials = run_sweep(sweep)
    bounded = flags if most is None else [f"--trials={most}", *flags]
    name = os.path.relpath(folder / "winner", experiment.parent)
    winner = write_winner(
        folder, file, trials, experiment=experiment,
        command=f"make sweep SWEEP={path.stem} DATA={data}{_arguments(bounded)}",
        again=f"make train EXP={name} DATA={data}{_arguments(flags)}",
    )  # fmt: skip
    write_response(folder, file, trials)
    print(format_settings(file, settings_table(file, trials)))
    failed = sum(trial.state == "failed" for trial in trials)
    if failed:
        print(
            f"{failed} of {len(trials)} trials failed; results.csv says why. They are final: "
            f"delete\n{folder}/trials/NUMBER to run one again"
        )
    print(f"\nAll trials:   {folder}/results.csv\nThe response: {folder}/response.png")
    print(f"The winner:   {winner}")
    return 0


def _arguments(flags: list[str]) -> str:
    return f' ARGS="{shlex.join(flags)}"' if flags else ""


def _checked_files(path: Path, words: list[str]) -> Path:
    """The experiment that the trials begin with; UserError where it or the CRM file is not."""
    experiment, crm = _after("--config", words), _after("--data.crm", words)
    if experiment is None or not experiment.is_file():
        raise UserError(
            f"{path}: command: expected --config=EXPERIMENT with a file that is there; "
            f"came {shlex.join(words)}"
        )
    if crm is not None:
        found_crm(crm)
    return experiment


def _check_flags(flags: list[str], swept: list[str]) -> None:
    both = [name for name in swept if _after(f"--{name}", flags) is not None]
    if both:
        raise UserError(
            f"the sweep file sets {', '.join(both)} in each trial; drop the flag, or change a "
            "copy of the sweep file"
        )


def _after(flag: str, words: list[str]) -> Path | None:
    """The value of a flag written as --flag=value or --flag value."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == flag:
            return Path(following)
        if word.startswith(f"{flag}="):
            return Path(word.removeprefix(f"{flag}="))
    return None
