"""A finished run of `fit`, taken into a comparison as one more system.

What is compared is the model that was fine-tuned, also where the run kept its start.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from leadrank.compare.comparison import Comparison
from leadrank.compare.results import Result, write_result
from leadrank.errors import UserError
from leadrank.scoring.calibration import Calibration
from leadrank.scoring.saved_model import CALIBRATION, read_settings
from leadrank.training.choice import CHOSEN_BY
from leadrank.training.run_folder import Run, load_run

#: Where a run has no calibration of its fine-tuned model: sigmoid(score).
AS_IT_IS = Calibration(1.0, 0.0)
OF_A_RUN = (
    "adapters and head trained as the experiment says, nothing tuned here; the best epoch by "
    "AUC on validation"
)


def take_run(comparison: Comparison, name: str, folder: Path) -> None:
    """Takes the test scores of a finished run's fine-tuned model in as the system `name`.

    A run of another seed is one more seed of the system, one of the same seed takes its place.
    UserError where rows differ, nothing was fine-tuned, or the name has runs of another
    experiment.
    """
    run = load_run(folder)
    encoder = read_settings(run.model_folder)["encoder"]
    # Not its command, which names folders of one machine.
    settings = {"run": run.metrics["experiment"], "encoder": encoder}
    scored = pl.read_parquet(folder / "rivals.parquet").select("row_id", "finetuned")
    scored = run.predictions.join(scored, on="row_id", how="left").sort("row_id")
    before = comparison.result(name)
    _check_run(comparison, run, scored, encoder.get("adapt"))
    if before is not None:
        _check_before(comparison, run, before, settings)
    made = _made(run)
    blocks = [comparison.block(made["seed"], scored["finetuned"], np.ones(scored.height))]
    runs = [made]
    if before is not None:
        blocks.append(before.scores.filter(pl.col("seed") != made["seed"]))
        runs += [one for one in before.record["runs"] if one["seed"] != made["seed"]]
    record = comparison.record(name, _title(name, encoder, runs), "both", settings)
    record |= {"llm": True, "git": run.metrics["git"], "runs": runs, "terms": OF_A_RUN}
    write_result(comparison.folder, Result(name, pl.concat(blocks), record))


def _check_run(
    comparison: Comparison, run: Run, scored: pl.DataFrame, adapt: str | None
) -> None:
    test, problems = comparison.test, []
    same = run.metrics["data_fingerprint"] == comparison.study.table.fingerprint and all(
        scored[column].cast(pl.Int64).equals(test[column].cast(pl.Int64))
        for column in ("row_id", "label")
    )
    if not same:
        problems.append(
            f"{run.folder}: its data or {scored.height:,} test rows are not the "
            f"{test.height:,} of this comparison; give a run of the same CRM file"
        )
    if adapt == "none":
        problems.append(
            f"{run.folder}: model.encoder.adapt is none, so nothing of the LLM was fine-tuned; "
            "give a run with adapters"
        )
    if problems:
        raise UserError("\n".join(problems))


def _check_before(
    comparison: Comparison, run: Run, before: Result, settings: dict[str, Any]
) -> None:
    """UserError where the name's earlier runs are no other seeds of this one."""
    name, wrong = before.name, comparison.mismatches(before)
    if before.record["settings"] != json.loads(json.dumps(settings)):
        wrong.append(f"{name}: runs of another experiment, or with another encoder")
    if wrong:
        said = "\n".join(f"{comparison.folder}: {line}" for line in wrong)
        raise UserError(
            f"{said}\n{run.folder} would take their place: give it another name with --run, or "
            f"move {name}.json and {name}.parquet away"
        )


def _made(run: Run) -> dict[str, Any]:
    """What the record says of a run's seed."""
    metrics, line = run.metrics, _calibration(run)
    of_model = line or AS_IT_IS
    return {
        "seed": int(metrics["seed"]),
        "seconds": sum(metrics.get("seconds", {}).values()),
        "logit": True,
        "chosen": {"selected": metrics["selected"], "calibrated": line is not None},
        "validation": {CHOSEN_BY: metrics["validation_by_model"]["finetuned"]},
        "calibration": [of_model.slope, of_model.intercept],
    }


def _calibration(run: Run) -> Calibration | None:
    """Of the fine-tuned model; runs of before kept that of the model they chose alone."""
    found = run.metrics.get("calibrations", {}).get("finetuned")
    if found is not None:
        return Calibration(**found)
    chosen = run.metrics["selected"] == "finetuned"
    return Calibration.load(run.model_folder / CALIBRATION) if chosen else None


def _title(name: str, encoder: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    calibrated = all(one["chosen"]["calibrated"] for one in runs)
    layers = encoder["layers"] or "all"
    return f"{name} (LoRA run, {layers} layers{'' if calibrated else ', not calibrated'})"
