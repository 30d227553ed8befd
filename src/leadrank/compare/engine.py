"""Runs what is missing, one system and seed after the other, and keeps each as it ends."""

import importlib
import json
import pkgutil
import time
import traceback
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from leadrank.compare import systems as package
from leadrank.compare.deciding import deciding
from leadrank.compare.results import (
    KEPT,
    Result,
    mismatches,
    read_result,
    read_results,
    with_outcomes,
    write_result,
)
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.two_phase import two_phase
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.preference import ranking_metrics
from leadrank.scoring.calibration import Calibration, fit_calibration
from leadrank.scoring.saved_model import CALIBRATION, read_settings
from leadrank.training.finish import CHOSEN_BY
from leadrank.training.run_folder import git_commit, load_run

MOST_BYTES = 1_000_000  # of a parquet file that is to be committed
SAMPLE = 2000
#: Whose errors may quote the table.
QUOTING = ("leadrank.funnel.", "leadrank.text.")
#: Where a run has no calibration of its fine-tuned model: sigmoid(score).
AS_IT_IS = Calibration(1.0, 0.0)
OF_A_RUN = (
    "adapters and head trained as the experiment says, nothing tuned here; the best epoch by "
    "average precision on validation"
)


def system_names() -> list[str]:
    """The modules of `compare/systems`: whatever lies there is compared."""
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load_systems(names: Iterable[str]) -> dict[str, System]:
    """Systems by name; UserError names each that there is not."""
    known = system_names()
    wrong = [f"no system {n!r}{nearest(n, known)}" for n in names if n not in known]
    if wrong:
        raise UserError("\n".join([*wrong, f"the systems: {', '.join(known)}"]))
    return {n: importlib.import_module(f"{package.__name__}.{n}").SYSTEM for n in names}


class Engine:
    """Runs systems on a study and keeps their scores in a folder.

    Args:
        study: what the systems see.
        test: the rows of the test part with their outcomes, and their `position`.
        folder: of the results.
        say: where progress goes.
        sample: for dear systems, how many rows of each part are scored beside the orders and
            those that other systems rank near the top; see `compare.two_phase`.
    """

    def __init__(
        self,
        study: Study,
        test: pl.DataFrame,
        folder: Path,
        say: Any = print,
        *,
        sample: int = SAMPLE,
    ) -> None:
        self.study, self.test, self.folder, self.say = study, test.sort("row_id"), folder, say
        self.sample = sample
        self.git = git_commit()
        #: Why systems could not run, by name: what the CRM lacks, or the kind of an error. Its
        #: words are said, not kept: a library's may quote the data.
        self.not_applicable: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        #: Why results of the folder are not measured, by name.
        self.left_out: dict[str, str] = {}
        self._asked: dict[str, System] = {}

    def run(
        self,
        systems: Mapping[str, System],
        *,
        seeds: int | None = None,
        again: Collection[str] = (),
    ) -> None:
        """Runs the systems and seeds that the folder lacks, and those named in `again`.

        A system that fails does not stop the others. UserError, before anything runs, where a
        result in the folder was made of something else.
        """
        self._check(systems, again)
        self._asked = {**self._asked, **systems}
        todo = [
            (name, seed)
            # Dear ones last: their samples take in what the others rank near the top.
            for name, system in sorted(systems.items(), key=lambda item: item[1].dear)
            for seed in self._missing(name, system, seeds, name in again)
        ]
        began = time.monotonic()
        for done, (name, seed) in enumerate(todo):
            left = (time.monotonic() - began) / done * (len(todo) - done) if done else None
            more = "" if left is None else f"; about {left / 60:,.0f} min left for all"
            self.say(f"[{done + 1}/{len(todo)}] {name}, seed {seed}{more}")
            if name not in self.not_applicable and name not in self.failed:
                self._try(name, systems[name], seed, fresh=name in again and seed == 0)

    def take_run(self, name: str, folder: Path) -> None:
        """Takes the test scores of a finished run's fine-tuned model in as a system.

        The model that was fine-tuned, also where the run kept its start. A run of another seed
        is one more seed of the system, one of the same seed takes its place. UserError where
        rows differ, nothing was fine-tuned, or the name has runs of another experiment.
        """
        run = load_run(folder)
        metrics, encoder = run.metrics, read_settings(run.model_folder)["encoder"]
        scored = pl.read_parquet(folder / "rivals.parquet").select("row_id", "finetuned")
        scored = run.predictions.join(scored, on="row_id", how="left").sort("row_id")
        # Not its command, which names folders of one machine.
        settings = {"run": metrics["experiment"], "encoder": encoder}
        before = read_result(self.folder, name)
        self._check_run(folder, metrics["data_fingerprint"], scored, encoder.get("adapt"))
        self._check_name(folder, before, name, settings)
        line = _calibration(metrics, run.model_folder / CALIBRATION)
        made = {
            "seed": int(metrics["seed"]),
            "seconds": sum(metrics.get("seconds", {}).values()),
            "logit": True,
            "chosen": {"selected": metrics["selected"], "calibrated": line is not None},
            "validation": {CHOSEN_BY: metrics["validation_by_model"]["finetuned"]},
            "calibration": _line(line or AS_IT_IS),
        }
        block = self._block(made["seed"], scored["finetuned"], np.ones(scored.height))
        blocks, runs = [block], [made]
        if before is not None:
            blocks.append(before.scores.filter(pl.col("seed") != made["seed"]))
            runs += [one for one in before.record["runs"] if one["seed"] != made["seed"]]
        calibrated = all(one["chosen"]["calibrated"] for one in runs)
        title = f"{name} (LoRA run, {encoder['layers'] or 'all'} layers"
        title += ")" if calibrated else ", not calibrated)"
        record = self._record(name, title, "both", settings)
        record |= {"llm": True, "git": metrics["git"], "runs": runs, "terms": OF_A_RUN}
        write_result(self.folder, Result(name, pl.concat(blocks), record))

    def _check_name(
        self, folder: Path, before: Result | None, name: str, settings: dict[str, Any]
    ) -> None:
        if before is None:
            return
        wrong = self._mismatches(before, None)
        if before.record["settings"] != json.loads(json.dumps(settings)):
            wrong.append(f"{name}: runs of another experiment, or with another encoder")
        if wrong:
            said = "\n".join(f"{self.folder}: {line}" for line in wrong)
            raise UserError(
                f"{said}\n{folder} would take their place: give it another name with --run, or "
                f"move {name}.json and {name}.parquet away"
            )

    def _check_run(
        self, folder: Path, fingerprint: str, scored: pl.DataFrame, adapt: str | None
    ) -> None:
        same = fingerprint == self.study.table.fingerprint and all(
            scored[column].cast(pl.Int64).equals(self.test[column].cast(pl.Int64))
            for column in ("row_id", "label")
        )
        problems = []
        if not same:
            problems.append(
                f"{folder}: its data or {scored.height:,} test rows are not the "
                f"{self.test.height:,} of this comparison; give a run of the same CRM file"
            )
        if adapt == "none":
            problems.append(
                f"{folder}: model.encoder.adapt is none, so nothing of the LLM was fine-tuned; "
                "give a run with adapters"
            )
        if problems:
            raise UserError("\n".join(problems))

    def results(self) -> list[Result]:
        """All results of the folder that can stand side by side, with the rows' outcomes.

        A system that was not asked for and whose result was made of something else is no
        reason to stop: it is named in `left_out`.
        """
        known = {**load_systems(system_names()), **self._asked}
        kept = []
        for result in read_results(self.folder):
            problems = self._problems(result, known)
            if problems:
                self.left_out[result.name] = "; ".join(problems)
            else:
                kept.append(with_outcomes(result, self.test))
        return kept

    def _problems(self, result: Result, known: Mapping[str, System]) -> list[str]:
        name = result.name
        if result.is_run:
            return self._mismatches(result, None)
        if name not in known:
            return [f"{name}: there is no such system (any more)"]
        return self._mismatches(result, self._settings(known[name]))

    def _check(self, systems: Mapping[str, System], again: Collection[str]) -> None:
        problems = []
        for name, system in systems.items():
            result = None if name in again else read_result(self.folder, name)
            if result is not None:
                problems += self._mismatches(result, self._settings(system))
        self._refuse(problems)

    def _mismatches(self, result: Result, settings: dict[str, Any] | None) -> list[str]:
        return mismatches(result, self.test, self.study.table.fingerprint, settings)

    def _refuse(self, problems: list[str]) -> None:
        if problems:
            lines = [f"{self.folder}: {line}" for line in problems]
            names = ",".join(dict.fromkeys(line.split(":")[0] for line in problems))
            remedy = f"run them anew with --again {names}, or give another --out"
            raise UserError("\n".join([*lines, remedy]))

    def _settings(self, system: System) -> dict[str, Any]:
        """What decides a system's scores beside the data, as JSON gives it back."""
        sampled = {"sample": self.sample} if system.dear else {}
        return json.loads(json.dumps(deciding(system, self.study) | sampled))

    def _missing(self, name: str, system: System, seeds: int | None, again: bool) -> list[int]:
        result = None if again else read_result(self.folder, name)
        wanted = min(system.seeds, seeds or system.seeds)
        return [s for s in range(wanted) if result is None or s not in result.seeds]

    def _try(self, name: str, system: System, seed: int, *, fresh: bool) -> None:
        began, trunk = time.monotonic(), self.study.trunk
        before = trunk.seconds
        try:
            times = self._times() if system.dear else np.ones(self.study.table.rows.height)
            asked = self.study.scored_positions()
            study = replace(self.study, asked=asked[times[asked] > 0])
            scored = system.fit_and_score(study if system.dear else self.study, seed)
            unscored = int(np.isnan(scored.score[study.scored_positions()]).sum())
            assert not unscored, f"{name} left {unscored} rows unscored"
            frozen = trunk.seconds - before
            seconds = time.monotonic() - began - frozen
            self._keep(name, system, seed, scored, times, (seconds, frozen), fresh)
        except UserError as error:
            self.not_applicable[name] = self._kept_words(error)
            self.say(f"{name}: not applicable: {error}")
        except Exception as error:  # a rival's library may raise anything
            self.failed[name] = type(error).__name__
            self.say(f"{name} failed; the others go on\n{traceback.format_exc()}")

    def _kept_words(self, error: UserError) -> str:
        """What is said of a refusal in files that may be committed.

        Code that reads tables quotes their values to whoever sits at the screen.
        """
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        module = str(place.tb_frame.f_globals["__name__"]) if place else ""
        if module.startswith(QUOTING):
            return f"its table was refused by {module}; its words are not kept"
        return str(error).replace(f"{Path(self.study.table.crm.path).parent}/", "")

    def _keep(
        self,
        name: str,
        system: System,
        seed: int,
        scored: Scored,
        times: np.ndarray,
        seconds: tuple[float, float],
        fresh: bool,
    ) -> None:
        rows = self.test["position"].to_numpy()
        calibration, figures = self._on_validation(scored.score, times)
        block = self._block(seed, scored.score[rows], times[rows])
        made = {
            "seed": seed,
            "seconds": round(seconds[0], 1),
            "frozen_seconds": round(seconds[1], 1),
            "logit": scored.logit,
            "chosen": scored.chosen,
            "validation": figures,
            "calibration": _line(calibration),
        }
        before = None if fresh else read_result(self.folder, name)
        record = self._record(name, system.title, system.reads, self._settings(system))
        record |= {"llm": system.llm, "terms": system.terms}
        record["runs"] = [*(before.record["runs"] if before else []), made]
        blocks = [before.scores, block] if before else [block]
        write_result(self.folder, Result(name, pl.concat(blocks), record))
        size = (self.folder / f"{name}.parquet").stat().st_size
        if size > MOST_BYTES:
            self.say(f"{name}.parquet has {size / 1e6:.1f} MB, more than is meant for git")

    def _times(self) -> np.ndarray:
        """[rows of the table] how many rows each stands for in a dear system's sample."""
        cheap = [
            one.scores.filter(pl.col("seed") == one.seeds[0]).sort("row_id")["score"].to_numpy()
            for one in read_results(self.folder)
            if not (self._mismatches(one, None) or "sample" in one.record["settings"])
        ]
        times = np.zeros(self.study.table.rows.height)
        test, validation = self.test["position"].to_numpy(), self.study.positions("validation")
        label = self.study.data.rows.label.numpy()
        times[test] = two_phase(self.test["label"].to_numpy(), cheap, rest=self.sample)
        times[validation] = two_phase(label[validation], [], rest=self.sample)
        return times

    def _on_validation(
        self, score: np.ndarray, times: np.ndarray
    ) -> tuple[Any, dict[str, float]]:
        rows = self.study.positions("validation")
        rows = rows[times[rows] > 0]
        label, weight = (
            getattr(self.study.data.rows, name).double().numpy()[rows]
            for name in ("label", "weight")
        )
        columns = [score[rows], label, weight * times[rows]]
        found = ranking_metrics(*(torch.from_numpy(column) for column in columns))
        kept = {name: round(found[name], 4) for name in ("auc", "average_precision")}
        return fit_calibration(*columns), kept

    def _block(self, seed: int, score: Any, times: Any) -> pl.DataFrame:
        """One seed's scores of the test rows, as far as they were scored."""
        rows = self.test.with_columns(
            seed=pl.lit(seed),
            score=pl.Series(np.asarray(score, np.float64)),
            times=pl.Series(np.asarray(times, np.float64)),
        ).filter(pl.col("times") > 0)
        return rows.select(pl.col(name).cast(kind) for name, kind in KEPT.items())

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


def _calibration(metrics: dict[str, Any], kept: Path) -> Calibration | None:
    """Of a run's fine-tuned model; runs of before kept that of the model they chose alone."""
    found = metrics.get("calibrations", {}).get("finetuned")
    if found is not None:
        return Calibration(**found)
    return Calibration.load(kept) if metrics["selected"] == "finetuned" else None


def _line(calibration: Calibration) -> list[float]:
    return [calibration.slope, calibration.intercept]
