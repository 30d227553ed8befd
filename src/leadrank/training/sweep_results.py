"""What a sweep found: a table, a picture, and the winner as an experiment file.

Trials that differ by `seed_everything` alone are one setting, and its mean counts: a setting
must not win by its seed.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from leadrank.errors import UserError
from leadrank.evaluation.response import response_figure
from leadrank.training.sweep_file import SweepFile, Value
from leadrank.training.sweep_trial import Trial, trial_folder

SEED = "seed_everything"
WIDTH = 80
TABLE_ROWS = 20


def write_results(path: Path, trials: Sequence[Trial]) -> None:
    """All trials as CSV: how each went, its settings, its validation figures."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state,
            **trial.parameters,
            **trial.validation,
            "seconds": trial.seconds,
            "same_as": trial.same_as,
            "error": trial.error,
        }
        for trial in sorted(trials, key=lambda trial: trial.number)
    ]
    # A setting may be a number in one trial and a word in another.
    pl.DataFrame(rows, infer_schema_length=None, strict=False).write_csv(path)


def settings_table(file: SweepFile, trials: Sequence[Trial]) -> pl.DataFrame:
    """One row per setting, best first: its values (as text), mean, lowest, highest, trials.

    Settings with fewer finished trials than others come last: their mean is of other seeds.
    """
    names = [name for name in file.varied if name != SEED]
    rows = [
        {**{name: str(trial.parameters[name]) for name in names}, "value": trial.value}
        for trial in trials
        if trial.state == "finished"
    ]
    if not rows:
        return pl.DataFrame()
    value = pl.col("value")
    summary = (value.mean().alias("mean"), value.min().alias("lowest"),
               value.max().alias("highest"), pl.len().alias("trials"))  # fmt: skip
    table = pl.DataFrame(rows)
    grouped = table.group_by(names, maintain_order=True) if names else None
    found = grouped.agg(*summary) if grouped is not None else table.select(*summary)
    best_first = file.metric.goal == "maximize"
    return found.sort(["trials", "mean"], descending=[True, best_first], maintain_order=True)


def format_settings(file: SweepFile, table: pl.DataFrame) -> str:
    """The best settings in lines of at most 80 columns; results.csv has all and more."""
    short = short_names(file.varied)
    several = table["trials"].max() != 1
    figures = ["mean", "lowest", "highest", "trials"] if several else ["mean"]
    names = [name for name in table.columns if name in short]
    shown = [
        [*(f"{row[f]:.4f}" if f != "trials" else str(row[f]) for f in figures),
         *(row[name] for name in names)]
        for row in table.head(TABLE_ROWS).iter_rows(named=True)
    ]  # fmt: skip
    rows = [[*figures, *(short[name] for name in names)], *shown]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
             for row in rows]  # fmt: skip
    title = [f"{file.metric.name} at the best epoch, {len(table)} settings, best first"]
    if table["trials"].n_unique() > 1:
        title.append("(settings with fewer finished trials than others come last)")
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
                     for line in [*title, *lines])  # fmt: skip


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The last words of dotted names, as many as tell them apart."""
    found = {}
    for name in names:
        parts = name.split(".")
        tails = [".".join(parts[-k:]) for k in range(1, len(parts) + 1)]
        found[name] = next(
            tail for tail in tails
            if tail == name or sum(f".{other}".endswith(f".{tail}") for other in names) == 1
        )  # fmt: skip
    return found


def write_response(folder: Path, file: SweepFile, trials: Sequence[Trial]) -> None:
    """`response.png`: how the metric answers to each setting."""
    names = short_names([name for name in file.varied if name != SEED])
    finished = [trial for trial in trials if trial.state == "finished"]
    figure = response_figure(
        {short: [one.parameters[name] for one in finished] for name, short in names.items()},
        [trial.value for trial in finished if trial.value is not None],
        name=file.metric.name,
    )
    figure.savefig(folder / "response.png", dpi=150, facecolor="white")


def write_winner(
    folder: Path, file: SweepFile, trials: Sequence[Trial], *, experiment: Path, command: str,
    again: str,
) -> Path:  # fmt: skip
    """The best setting as an experiment file, beside the base that it differs from.

    Args:
        folder: the sweep's.
        file: the sweep file.
        trials: all trials.
        experiment: the experiment file that the trials began with.
        command: what ran the sweep.
        again: what trains the winner.

    Raises UserError when no trial finished.
    """
    table = settings_table(file, trials)
    if table.is_empty():
        raise UserError(_nothing_finished(folder, trials))
    best = table.row(0, named=True)
    winner = next(
        trial for trial in trials
        if trial.state == "finished"
        and all(str(trial.parameters[n]) == best[n] for n in file.varied if n != SEED)
    )  # fmt: skip
    content = yaml.safe_load(experiment.read_text("utf-8")) or {}
    for name, value in winner.parameters.items():
        if name != SEED:
            _put(content, name.split("."), value)
    shutil.copyfile(experiment.with_name("base.yaml"), folder / "base.yaml")
    head = [
        f"Question: {' '.join(file.description.split()) or 'which setting is best?'}",
        f"Command:  {command}",
        f"          {again}",
        f"Result:   {file.metric.name} {best['mean']:.4f} on validation, mean of "
        f"{best['trials']} trials",
        f"          ({best['lowest']:.4f} to {best['highest']:.4f}); the best of "
        f"{len(table)} settings, so a new run",
        "          will likely find less. The test part chose nothing.",
    ]
    path = folder / "winner.yaml"
    text = "".join(f"# {line}\n" for line in head)
    path.write_text(text + yaml.safe_dump(content, sort_keys=False), "utf-8")
    return path


def _put(content: dict[str, Any], keys: list[str], value: Value) -> None:
    for key in keys[:-1]:
        content = content.setdefault(key, {})
    content[keys[-1]] = value


def _nothing_finished(folder: Path, trials: Sequence[Trial]) -> str:
    last = trials[-1]
    return (
        f"{folder}: none of the {len(trials)} trials finished; the last one said\n"
        f"{last.error}\nIts whole log is {trial_folder(folder, last.number) / 'log.txt'}; "
        "delete a trial's folder to run it again"
    )
