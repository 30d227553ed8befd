"""Runs what is missing, one system and seed after the other, and keeps each as it ends."""

import importlib
import json
import pkgutil
import time
import traceback
from collections.abc import Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import torch

from leadrank.compare import systems as package
from leadrank.compare.results import (
    SCHEMA,
    Result,
    mismatches,
    read_result,
    read_results,
    write_result,
)
from leadrank.compare.study import Scored, Study
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.preference import ranking_metrics
from leadrank.scoring.calibration import fit_calibration
from leadrank.training.run_folder import git_commit, load_run

MOST_BYTES = 1_000_000  # of a parquet file that is to be committed


def system_names() -> list[str]:
    """The modules of `compare/systems`: whatever lies there is compared."""
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load_systems(names: Iterable[str]) -> dict[str, ModuleType]:
    """Systems by name; UserError names each that there is not."""
    known = system_names()
    wrong = [f"no system {n!r}{nearest(n, known)}" for n in names if n not in known]
    if wrong:
        raise UserError("\n".join([*wrong, f"the systems: {', '.join(known)}"]))
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}


class Engine:
    """Runs systems on a study and keeps their scores in a folder.

    Args:
        study: what the systems see.
        test: the rows of the test part with their outcomes, and their `position`.
        folder: of the results.
        say: where progress goes.
    """

    def __init__(
        self, study: Study, test: pl.DataFrame, folder: Path, say: Any = print
    ) -> None:
        self.study, self.test, self.folder, self.say = study, test.sort("row_id"), folder, say
        self.git = git_commit()
        #: Why systems could not run, by name: what the CRM lacks, or a traceback's last line.
        self.not_applicable: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def run(
        self,
        systems: dict[str, ModuleType],
        *,
        seeds: int | None = None,
        again: Collection[str] = (),
    ) -> None:
        """Runs the systems and seeds that the folder lacks, and those named in `again`.

        A system that fails does not stop the others. UserError, before anything runs, where a
        result in the folder was made of something else.
        """
        self._check(systems, again)
        todo = [
            (name, seed)
            for name, module in systems.items()
            for seed in self._missing(name, module, seeds, name in again)
        ]
        began = time.monotonic()
        for done, (name, seed) in enumerate(todo):
            left = (time.monotonic() - began) / done * (len(todo) - done) if done else None
            more = "" if left is None else f"; about {left / 60:,.0f} min left for all"
            self.say(f"[{done + 1}/{len(todo)}] {name}, seed {seed}{more}")
            if name not in self.not_applicable and name not in self.failed:
                self._try(name, systems[name], seed, fresh=name in again and seed == 0)

    def take_run(self, name: str, folder: Path) -> None:
        """Takes a finished run's test scores in as a system; UserError where rows differ."""
        run = load_run(folder)
        metrics, scored = run.metrics, run.predictions.sort("row_id")
        same = metrics["data_fingerprint"] == self.study.table.fingerprint and all(
            scored[column].cast(pl.Int64).equals(self.test[column].cast(pl.Int64))
            for column in ("row_id", "label")
        )
        if not same:
            raise UserError(
                f"{folder}: its data or {scored.height:,} test rows are not the "
                f"{self.test.height:,} of this comparison; give a run of the same CRM file"
            )
        seconds = sum(metrics.get("seconds", {}).values())
        made = {"seed": int(metrics["seed"]), "seconds": seconds, "logit": True, "chosen": {}}
        record = {
            **self._record(name, f"{name} (LoRA run)", "both", {"run": metrics["command"]}),
            "llm": True,
            "git": metrics["git"],
            "runs": [{**made, "validation": metrics.get("validation", {})}],
        }
        block = self._block(made["seed"], scored["score"], scored["probability"])
        write_result(self.folder, Result(name, block, record))

    def results(self) -> list[Result]:
        """All results of the folder; UserError where one is of other data."""
        found = read_results(self.folder)
        self._refuse([line for one in found for line in self._mismatches(one, None)])
        return found

    def _check(self, systems: dict[str, ModuleType], again: Collection[str]) -> None:
        problems = []
        for name, module in systems.items():
            result = None if name in again else read_result(self.folder, name)
            if result is not None:
                problems += self._mismatches(result, self._settings(module))
        self._refuse(problems)

    def _mismatches(self, result: Result, settings: dict[str, Any] | None) -> list[str]:
        return mismatches(result, self.test, self.study.table.fingerprint, settings)

    def _refuse(self, problems: list[str]) -> None:
        if problems:
            lines = [f"{self.folder}: {line}" for line in problems]
            names = ",".join(dict.fromkeys(line.split(":")[0] for line in problems))
            remedy = f"run them anew with --again {names}, or give another --out"
            raise UserError("\n".join([*lines, remedy]))

    def _settings(self, module: ModuleType) -> dict[str, Any]:
        """What decides a system's scores beside the data, as JSON gives it back."""
        found = module.settings(self.study) if hasattr(module, "settings") else {}
        return json.loads(json.dumps(found))

    def _missing(
        self, name: str, module: ModuleType, seeds: int | None, again: bool
    ) -> list[int]:
        result = None if again else read_result(self.folder, name)
        wanted = min(module.SEEDS, seeds or module.SEEDS)
        return [s for s in range(wanted) if result is None or s not in result.seeds]

    def _try(self, name: str, module: ModuleType, seed: int, *, fresh: bool) -> None:
        began = time.monotonic()
        try:
            scored = module.fit_and_score(self.study, seed)
            seconds = time.monotonic() - began
            self._keep(name, module, seed, scored, seconds, fresh)
        except UserError as error:
            self.not_applicable[name] = str(error)
            self.say(f"{name}: not applicable: {error}")
        except Exception as error:  # a rival's library may raise anything
            self.failed[name] = f"{type(error).__name__}: {error}"
            self.say(f"{name} failed; the others go on\n{traceback.format_exc()}")

    def _keep(
        self,
        name: str,
        module: ModuleType,
        seed: int,
        scored: Scored,
        seconds: float,
        fresh: bool,
    ) -> None:
        rows = self.test["position"].to_numpy()
        unscored = int(np.isnan(scored.score[self.study.scored_positions()]).sum())
        assert not unscored, f"{name} left {unscored} rows unscored"
        calibration, figures = self._on_validation(scored.score)
        score = scored.score[rows]
        block = self._block(seed, score, calibration.probability(score))
        made = {
            "seed": seed,
            "seconds": round(seconds, 1),
            "logit": scored.logit,
            "chosen": scored.chosen,
            "validation": figures,
        }
        before = None if fresh else read_result(self.folder, name)
        record = self._record(name, module.TITLE, module.READS, self._settings(module))
        record |= {"llm": getattr(module, "LLM", False)}
        record["runs"] = [*(before.record["runs"] if before else []), made]
        blocks = [before.scores, block] if before else [block]
        write_result(self.folder, Result(name, pl.concat(blocks), record))
        size = (self.folder / f"{name}.parquet").stat().st_size
        if size > MOST_BYTES:
            self.say(f"{name}.parquet has {size / 1e6:.1f} MB, more than is meant for git")

    def _on_validation(self, score: np.ndarray) -> tuple[Any, dict[str, float]]:
        rows = self.study.positions("validation")
        columns = [score[rows]]
        for name in ("label", "weight"):
            columns.append(getattr(self.study.data.rows, name).double().numpy()[rows])
        found = ranking_metrics(*(torch.from_numpy(column) for column in columns))
        kept = {name: round(found[name], 4) for name in ("auc", "average_precision")}
        return fit_calibration(*columns), kept

    def _block(self, seed: int, score: Any, probability: Any) -> pl.DataFrame:
        """The test rows with their outcomes and one seed's scores."""
        rows = self.test.with_columns(
            seed=pl.lit(seed),
            score=pl.Series(np.asarray(score, np.float64)),
            probability=pl.Series(np.asarray(probability, np.float64)),
        )
        return rows.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())

    def _record(
        self, name: str, title: str, reads: str, settings: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "system": name,
            "title": title,
            "reads": reads,
            "data": self.study.table.crm.name,
            "data_fingerprint": self.study.table.fingerprint,
            "settings": settings,
            "git": self.git,
        }
