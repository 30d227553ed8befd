"""A system's test scores on disk: SYSTEM.parquet, small enough to commit, and SYSTEM.json.

They hold no customer's data, so what was chosen must name no value of a field: a row is its
position in the source (`row_id`), whose outcomes are read from the CRM again when it is
measured.
"""

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from leadrank.compare.deciding import changed
from leadrank.errors import UserError

#: What lies on disk of each row and seed.
KEPT: dict[str, Any] = {
    "row_id": pl.Int32,
    "seed": pl.Int64,
    "score": pl.Float32,
    "times": pl.Float32,  # how many rows it stands for; 1 unless rows were sampled
}
#: What joins it from the test part, with the probability, when it is measured.
OUTCOMES = ("label", "weight", "lead_id", "stage", "group")
TABLES = ("comparison",)  # files of the folder that are no system's


@dataclass(frozen=True)
class Result:
    """One system's scores of the test rows, a block of rows for each seed, and its record.

    The record says what decides the scores (`data_fingerprint`, `settings`), who made them
    (`title`, `reads`, `git`), and of each seed in `runs` what was chosen, how long it took and
    the calibration that makes probabilities of its scores.
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
        """Of all seeds together, without what the frozen trunk took."""
        return sum(run["seconds"] or 0.0 for run in self.record["runs"])

    @property
    def frozen_seconds(self) -> float:
        """What the frozen trunk took before this system could read it; others read it then."""
        return sum(run.get("frozen_seconds", 0.0) for run in self.record["runs"])

    @property
    def num_scored(self) -> int:
        """Test rows that were scored: all of them, or a sample of `compare.two_phase`."""
        first = self.scores.filter(pl.col("seed") == self.seeds[0])
        return int((first["times"] > 0).sum())

    @property
    def is_run(self) -> bool:
        """Whether it is a run of `fit` that was taken in, and so has settings of its own."""
        return "run" in self.record["settings"]


def write_result(folder: Path, result: Result) -> None:
    """Writes both files, each in one step; the record last, which makes the scores count."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = result.scores.select(pl.col(n).cast(kind) for n, kind in KEPT.items())
    new = folder / f".{result.name}-{os.getpid()}"
    scores.sort("seed", "row_id").write_parquet(new, compression="zstd", compression_level=19)
    os.replace(new, folder / f"{result.name}.parquet")
    new.write_text(as_json(result.record), "utf-8")
    os.replace(new, folder / f"{result.name}.json")


def read_result(folder: Path, name: str) -> Result | None:
    """A system's result; None where there is none. Seeds that have no record do not count."""
    files = [folder / f"{name}.{kind}" for kind in ("json", "parquet")]
    if not all(file.is_file() for file in files):
        return None
    try:
        record = json.loads(files[0].read_text("utf-8"))
        seeds, _ = [run["seed"] for run in record["runs"]], record["terms"]
        scores = pl.read_parquet(files[1]).select(pl.col(n).cast(k) for n, k in KEPT.items())
    except (KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise UserError(
            f"{files[0]}: not a result of this version of `leadrank compare` ({error}); move "
            "it and its parquet file away"
        ) from error
    return Result(name, scores.filter(pl.col("seed").is_in(seeds)), record)


def read_results(folder: Path) -> list[Result]:
    """All results of a folder, by name."""
    names = sorted(file.stem for file in folder.glob("*.json") if file.stem not in TABLES)
    return [result for name in names if (result := read_result(folder, name))]


def with_outcomes(result: Result, test: pl.DataFrame) -> Result:
    """The result with OUTCOMES and `probability` beside its scores, all test rows at each seed.

    A row's weight is multiplied by how many rows it stands for; one that was not scored has
    the score 0 and the weight 0. `test`: the rows of the test part, `row_id` and OUTCOMES.
    """
    slopes = [run["calibration"] for run in result.record["runs"]]
    lines = pl.DataFrame(
        {
            "seed": result.seeds,
            "slope": [slope for slope, _ in slopes],
            "intercept": [intercept for _, intercept in slopes],
        },
        schema_overrides={"seed": KEPT["seed"], "slope": pl.Float64, "intercept": pl.Float64},
    )
    logit = -(pl.col("slope") * pl.col("score").cast(pl.Float64) + pl.col("intercept"))
    outcomes = test.select(pl.col("row_id").cast(KEPT["row_id"]), *OUTCOMES)
    rows = outcomes.join(lines, how="cross").sort("seed", "row_id")
    scores = rows.join(result.scores, on=["row_id", "seed"], how="left", maintain_order="left")
    scores = scores.with_columns(pl.col("score", "times").fill_null(0))
    return replace(
        result,
        scores=scores.with_columns(
            probability=1 / (1 + logit.exp()), weight=pl.col("weight") * pl.col("times")
        ).drop("slope", "intercept"),
    )


def mismatches(
    result: Result, test: pl.DataFrame, fingerprint: str, settings: dict[str, Any] | None
) -> list[str]:
    """Why a result must not stand beside others made now, one line each; none is good.

    `settings` are those of the system now; None: those of a run are its own.
    """
    name, record, found = result.name, result.record, []
    if record["data_fingerprint"] != fingerprint:
        found.append(f"{name}: made on other data, or another CRM file or split")
    rows = test["row_id"].sort()
    for seed in result.seeds:
        scored = result.scores.filter(pl.col("seed") == seed)["row_id"].sort()
        whole = scored.cast(pl.Int64).equals(rows.cast(pl.Int64), check_names=False)
        if not (
            whole or ("sample" in record["settings"] and scored.is_in(rows.implode()).all())
        ):
            found.append(f"{name}: seed {seed} has scores of other test rows")
    others = [] if settings is None else changed(settings, record["settings"])
    if others:
        found.append(f"{name}: made with other settings ({', '.join(others)})")
    return found


def as_json(document: Any) -> str:
    """JSON text; it has no NaN or infinity, so these are null."""
    return json.dumps(_finite(document), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
