"""A system's test scores on disk: SYSTEM.parquet, small enough to commit, and SYSTEM.json."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from leadrank.errors import UserError

SCHEMA: dict[str, Any] = {
    "row_id": pl.Int64,
    "label": pl.Int8,
    "weight": pl.Float32,
    "lead_id": pl.String,
    "stage": pl.Int8,
    "group": pl.String,
    "seed": pl.Int16,
    "score": pl.Float32,
    "probability": pl.Float32,
}
TABLES = ("comparison",)  # files of the folder that are no system's


@dataclass(frozen=True)
class Result:
    """One system's scores of the test rows, a block of rows for each seed, and its record.

    The record says what decides the scores (`data_fingerprint`, `settings`), who made them
    (`title`, `reads`, `git`), and of each seed in `runs` what was chosen and how long it took.
    """

    name: str
    scores: pl.DataFrame
    record: dict[str, Any]

    @property
    def seeds(self) -> list[int]:
        """The seeds that are done."""
        return [run["seed"] for run in self.record["runs"]]

    @property
    def seconds(self) -> float:
        """Of all seeds together."""
        return sum(run["seconds"] or 0.0 for run in self.record["runs"])


def write_result(folder: Path, result: Result) -> None:
    """Writes both files, each in one step; the record last, which makes the scores count."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = result.scores.select(pl.col(n).cast(kind) for n, kind in SCHEMA.items())
    new = folder / f".{result.name}-{os.getpid()}"
    scores.sort("seed", "row_id").write_parquet(new, compression="zstd", compression_level=19)
    os.replace(new, folder / f"{result.name}.parquet")
    new.write_text(json.dumps(result.record, indent=1) + "\n", "utf-8")
    os.replace(new, folder / f"{result.name}.json")


def read_result(folder: Path, name: str) -> Result | None:
    """A system's result; None where there is none. Seeds that have no record do not count."""
    files = [folder / f"{name}.{kind}" for kind in ("json", "parquet")]
    if not all(file.is_file() for file in files):
        return None
    try:
        record = json.loads(files[0].read_text("utf-8"))
        scores = pl.read_parquet(files[1])
        seeds = [run["seed"] for run in record["runs"]]
        kept = scores.select(list(SCHEMA)).filter(pl.col("seed").is_in(seeds))
    except (KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise UserError(
            f"{files[0]}: not a result of `leadrank compare` ({error}); move it and its "
            "parquet file away"
        ) from error
    return Result(name, kept, record)


def read_results(folder: Path) -> list[Result]:
    """All results of a folder, by name."""
    names = sorted(file.stem for file in folder.glob("*.json") if file.stem not in TABLES)
    return [result for name in names if (result := read_result(folder, name))]


def mismatches(
    result: Result, test: pl.DataFrame, fingerprint: str, settings: dict[str, Any] | None
) -> list[str]:
    """Why a result must not stand beside others made now, one line each; none is good.

    `settings` are those of the system now; None: not asked.
    """
    name, record, found = result.name, result.record, []
    if record["data_fingerprint"] not in (fingerprint, None):
        found.append(f"{name}: made on other data, or another CRM file or split")
    rows = test["row_id"].sort()
    for seed in result.seeds:
        scored = result.scores.filter(pl.col("seed") == seed)["row_id"].sort()
        if not scored.equals(rows.cast(pl.Int64), check_names=False):
            found.append(f"{name}: seed {seed} has scores of other test rows")
    if settings is not None and record["settings"] != settings:
        now, then = settings, record["settings"]
        changed = sorted(k for k in {*now, *then} if now.get(k) != then.get(k))
        found.append(f"{name}: made with other settings ({', '.join(changed)})")
    return found
