"""Runs what is missing, one system and seed after the other, and keeps each as it ends."""

import time
import traceback
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from leadrank.compare.comparison import Comparison
from leadrank.compare.results import Result, read_results, write_result
from leadrank.compare.study import Scored
from leadrank.compare.system import System
from leadrank.compare.systems import load_systems, system_names
from leadrank.compare.two_phase import two_phase
from leadrank.errors import UserError
from leadrank.preference import ranking_metrics
from leadrank.scoring.calibration import Calibration, fit_calibration

MOST_BYTES = 1_000_000  # of a parquet file that is to be committed
#: Whose errors may quote the table.
QUOTING = ("leadrank.funnel.", "leadrank.text.")


class Engine:
    """Runs systems on a comparison's study and keeps their scores in its folder.

    Args:
        comparison: what the systems see, and where results lie.
        say: where progress goes.
    """

    def __init__(self, comparison: Comparison, say: Any = print) -> None:
        self.comparison, self.say = comparison, say
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
        self.comparison.check({n: one for n, one in systems.items() if n not in again})
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

    def results(self) -> list[Result]:
        """All results of the folder that can stand side by side, with the rows' outcomes.

        A system that was not asked for and whose result was made of something else is no
        reason to stop: it is named in `left_out`.
        """
        known = {**load_systems(system_names()), **self._asked}
        standing, left_out = self.comparison.side_by_side(known)
        self.left_out |= left_out
        return standing

    def _missing(self, name: str, system: System, seeds: int | None, again: bool) -> list[int]:
        result = None if again else self.comparison.result(name)
        wanted = min(system.seeds, seeds or system.seeds)
        return [s for s in range(wanted) if result is None or s not in result.seeds]

    def _try(self, name: str, system: System, seed: int, *, fresh: bool) -> None:
        whole = self.comparison.study
        began, before = time.monotonic(), whole.trunk.seconds
        try:
            times = self._times() if system.dear else np.ones(whole.table.rows.height)
            asked = whole.scored_positions()
            study = replace(whole, asked=asked[times[asked] > 0])
            scored = system.fit_and_score(study if system.dear else whole, seed)
            unscored = int(np.isnan(scored.score[study.scored_positions()]).sum())
            assert not unscored, f"{name} left {unscored} rows unscored"
            frozen = whole.trunk.seconds - before
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
        folder = Path(self.comparison.study.table.crm.path).parent
        return str(error).replace(f"{folder}/", "")

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
        comparison = self.comparison
        rows = comparison.test["position"].to_numpy()
        calibration, figures = self._on_validation(scored.score, times)
        block = comparison.block(seed, scored.score[rows], times[rows])
        made = {
            "seed": seed,
            "seconds": round(seconds[0], 1),
            "frozen_seconds": round(seconds[1], 1),
            "logit": scored.logit,
            "chosen": scored.chosen,
            "validation": figures,
            "calibration": [calibration.slope, calibration.intercept],
        }
        before = None if fresh else comparison.result(name)
        settings = comparison.settings(system)
        record = comparison.record(name, system.title, system.reads, settings)
        record |= {"llm": system.llm, "terms": system.terms}
        record["runs"] = [*(before.record["runs"] if before else []), made]
        blocks = [before.scores, block] if before else [block]
        write_result(comparison.folder, Result(name, pl.concat(blocks), record))
        size = (comparison.folder / f"{name}.parquet").stat().st_size
        if size > MOST_BYTES:
            self.say(f"{name}.parquet has {size / 1e6:.1f} MB, more than is meant for git")

    def _times(self) -> np.ndarray:
        """[rows of the table] how many rows each stands for in a dear system's sample."""
        comparison, study = self.comparison, self.comparison.study
        cheap = [
            one.scores.filter(pl.col("seed") == one.seeds[0]).sort("row_id")["score"].to_numpy()
            for one in read_results(comparison.folder)
            if not (comparison.mismatches(one) or "sample" in one.record["settings"])
        ]
        times = np.zeros(study.table.rows.height)
        test, validation = comparison.test, study.positions("validation")
        known, label = test["label"].to_numpy(), study.data.rows.label.numpy()
        times[test["position"].to_numpy()] = two_phase(known, cheap, rest=comparison.sample)
        times[validation] = two_phase(label[validation], [], rest=comparison.sample)
        return times

    def _on_validation(
        self, score: np.ndarray, times: np.ndarray
    ) -> tuple[Calibration, dict[str, float]]:
        study = self.comparison.study
        rows = study.positions("validation")
        rows = rows[times[rows] > 0]
        label, weight = (
            getattr(study.data.rows, name).double().numpy()[rows]
            for name in ("label", "weight")
        )
        columns = [score[rows], label, weight * times[rows]]
        found = ranking_metrics(*(torch.from_numpy(column) for column in columns))
        kept = {name: round(found[name], 4) for name in ("auc", "average_precision")}
        return fit_calibration(*columns), kept
