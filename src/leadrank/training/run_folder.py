"""A run's folder: unfinished from the first second, finished in one step at the end."""

import json
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from leadrank.errors import UserError
from leadrank.funnel import load_crm_file
from leadrank.scoring.call_list import call_list
from leadrank.scoring.saved_model import CRM, read_settings

MARK = "UNFINISHED"


@dataclass(frozen=True)
class Run:
    """A finished run as it lies on disk."""

    folder: Path
    metrics: dict[str, Any]
    predictions: pl.DataFrame

    @property
    def model_folder(self) -> Path:
        """What `leadrank score` needs."""
        return self.folder / "model"

    def call_list(self) -> pl.DataFrame:
        """One row per lead of the test part, best first."""
        return call_list(
            self.predictions,
            base_rate=read_settings(self.model_folder)["base_rate"],
            timezone=load_crm_file(self.model_folder / CRM).timezone,
        )


def load_run(folder: str | Path) -> Run:
    """Reads a finished run.

    Raises UserError when the folder is none, or a run that did not end.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such run; finished ones are runs/EXP-DATA/version_N")
    if (folder / MARK).exists():
        raise UserError(
            f"{folder}: this run did not finish; resume it with `leadrank fit ... "
            f"--ckpt_path {folder}/checkpoints/last.ckpt`, or take another"
        )
    try:
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
        predictions = pl.read_parquet(folder / "predictions.parquet")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: not a run's folder ({error})") from error
    return Run(folder, metrics, predictions)


def begin(folder: Path) -> None:
    """Marks the folder as unfinished."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("This run is going on, or was cut off.\n", "utf-8")


def end(folder: Path) -> None:
    """Takes the mark away and points `latest` at the folder."""
    (folder / MARK).unlink()
    new = folder.parent / f".latest-{os.getpid()}"
    new.symlink_to(folder.name)
    os.replace(new, folder.parent / "latest")


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Writes metrics.json; an undefined figure is null there, because JSON has no NaN."""
    text = json.dumps(_without_nan(metrics), indent=1, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", "utf-8")


def git_commit() -> str:
    """The commit of the code, `+` behind it when files differ from it; else `unknown`."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(here, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *words: str) -> str:
    found = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
