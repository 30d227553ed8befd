"""One study, the rows of its test part, and the folder of results that stand side by side."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from leadrank.compare.deciding import deciding
from leadrank.compare.results import (
    KEPT,
    Result,
    mismatches,
    read_result,
    read_results,
    with_outcomes,
)
from leadrank.compare.study import Study
from leadrank.compare.system import System
from leadrank.errors import UserError
from leadrank.training.run_folder import git_commit

SAMPLE = 2000


@dataclass
class Comparison:
    """What all results of a folder share, and which of those that lie there do.

    Args:
        study: what the systems see.
        test: the rows of the test part with their outcomes, and their `position`.
        folder: of the results.
        sample: for dear systems, how many rows of each part are scored beside the orders and
            those that other systems rank near the top; see `compare.two_phase`.
        git: commit of the code that is loaded now, whatever is committed while it runs.
    """

    study: Study
    test: pl.DataFrame
    folder: Path
    sample: int = SAMPLE
    git: str = field(default_factory=git_commit)

    def __post_init__(self) -> None:
        self.test = self.test.sort("row_id")

    def result(self, name: str) -> Result | None:
        """A system's result in the folder; None where there is none."""
        return read_result(self.folder, name)

    def settings(self, system: System) -> dict[str, Any]:
        """What decides a system's scores beside the data, as JSON gives it back."""
        sampled = {"sample": self.sample} if system.dear else {}
        return json.loads(json.dumps(deciding(system, self.study) | sampled))

    def mismatches(self, result: Result, system: System | None = None) -> list[str]:
        """Why a result must not stand beside others made now, one line each; none is good.

        Without its `system` as it is now, the settings are not compared: those of a run are
        its own.
        """
        settings = None if system is None else self.settings(system)
        return mismatches(result, self.test, self.study.table.fingerprint, settings)

    def check(self, systems: Mapping[str, System]) -> None:
        """UserError where a result of these systems was made of something else."""
        problems = []
        for name, system in systems.items():
            result = self.result(name)
            if result is not None:
                problems += self.mismatches(result, system)
        if problems:
            lines = [f"{self.folder}: {line}" for line in problems]
            names = ",".join(dict.fromkeys(line.split(":")[0] for line in problems))
            remedy = f"run them anew with --again {names}, or give another --out"
            raise UserError("\n".join([*lines, remedy]))

    def side_by_side(
        self, systems: Mapping[str, System]
    ) -> tuple[list[Result], dict[str, str]]:
        """The results that can stand side by side, and why the others of the folder cannot.

        With the rows' outcomes; the others by name. `systems` are all that there are now.
        """
        standing, left_out = [], {}
        for result in read_results(self.folder):
            problems = self._problems(result, systems)
            if problems:
                left_out[result.name] = "; ".join(problems)
            else:
                standing.append(with_outcomes(result, self.test))
        return standing, left_out

    def _problems(self, result: Result, systems: Mapping[str, System]) -> list[str]:
        name = result.name
        if result.is_run:
            return self.mismatches(result)
        if name not in systems:
            return [f"{name}: there is no such system (any more)"]
        return self.mismatches(result, systems[name])

    def block(self, seed: int, score: Any, times: Any) -> pl.DataFrame:
        """One seed's scores of the test rows [rows], as far as they were scored.

        `times`: how many rows each stands for; 0: it was not scored.
        """
        rows = self.test.with_columns(
            seed=pl.lit(seed),
            score=pl.Series(np.asarray(score, np.float64)),
            times=pl.Series(np.asarray(times, np.float64)),
        ).filter(pl.col("times") > 0)
        return rows.select(pl.col(name).cast(kind) for name, kind in KEPT.items())

    def record(
        self, name: str, title: str, reads: str, settings: dict[str, Any]
    ) -> dict[str, Any]:
        """What a result's record begins with."""
        return {
            "system": name,
            "title": title,
            "reads": reads,
            "data": self.study.table.crm.name,
            "data_fingerprint": self.study.table.fingerprint,
            "settings": settings,
            "git": self.git,
        }
