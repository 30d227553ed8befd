"""After the last step: choose the model, calibrate it, measure it once on test, write it all.

Choices read validation only; the test part is scored after they are made.
"""

import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from leadrank.evaluation.lightgbm import fit_lightgbm
from leadrank.evaluation.report import write_report
from leadrank.evaluation.verdict import paired_differences
from leadrank.funnel import load_crm_file
from leadrank.model.ranker import LeadRanker
from leadrank.preference import bootstrap_intervals, ranking_metrics
from leadrank.scoring.calibration import Calibration, fit_calibration
from leadrank.scoring.call_list import call_list, rank_predictions, write_call_list
from leadrank.scoring.saved_model import SavedModel, save_model
from leadrank.scoring.score import score_rows
from leadrank.training.callbacks import StartFromProbe
from leadrank.training.choice import CHOSEN_BY, earns_its_keep
from leadrank.training.data import LeadDataModule
from leadrank.training.run_folder import Run, write_metrics
from leadrank.training.yardsticks import yardstick_scores

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
RIVALS = ("lightgbm", "probe", "funnel_probe", "text_free", "words", "finetuned")
SHOWN = ("lightgbm", "probe", "oracle_reader")  # in the report's curve


@dataclass(frozen=True)
class Trained:
    """What training leaves: the model with its best checkpoint's weights, and the probes."""

    ranker: LeadRanker
    data: LeadDataModule
    start: StartFromProbe
    experiment: str
    command: str
    git: str
    seed: int
    seconds: float
    epochs: int


def finish_run(folder: Path, trained: Trained) -> None:
    """Writes model, predictions, call list, metrics.json and report."""
    began = time.monotonic()
    data, start = trained.data, trained.start
    scores = {name: score.astype(np.float64) for name, score in start.scores.items()}
    scores["finetuned"] = _model_scores(trained)
    selected = _select(data, scores, start.name)
    if selected != "finetuned":
        _back_to_probe(trained)
    scores["lightgbm"] = fit_lightgbm(data.table, trained.seed)
    marks = yardstick_scores(data.table, data.root)
    validation, test = data.positions("validation"), data.positions("test")
    calibrations = {name: _calibrate(data, validation, score) for name, score in scores.items()}
    predictions = _predictions(data, test, scores[selected], calibrations[selected])
    label, weight = _columns(data, validation, "label", "weight")
    base_rate = float(np.average(label, weights=weight))
    calls = call_list(predictions, base_rate=base_rate, timezone=data.crm.timezone)
    metrics = _metrics(trained, selected, scores, calibrations)
    metrics |= {name: _measure(data, test, mark) for name, mark in marks.items()}
    scores |= marks
    rivals = pl.DataFrame(
        {"row_id": predictions["row_id"], **{n: s[test] for n, s in scores.items()}}
    )
    metrics["paired"] = paired_differences(
        predictions,
        {name: rivals[name] for name in (*RIVALS, *marks) if name in rivals.columns},
        seed=trained.seed,
    )
    # What training added, whichever of the two was kept.
    metrics["finetuned_over_start"] = paired_differences(
        predictions.with_columns(score=rivals["finetuned"]),
        {start.name: rivals[start.name]},
        seed=trained.seed,
    )[start.name]
    saved = SavedModel(
        trained.ranker.model,
        data.crm,
        data.tokens.template,
        data.field_features,
        calibrations[selected],
        base_rate,
        start.wide,
    )
    save_model(folder / "model", saved)
    predictions.write_parquet(folder / "predictions.parquet")
    rivals.write_parquet(folder / "rivals.parquet")
    write_call_list(calls, folder / "call_list.csv")
    metrics["seconds"]["finish"] = round(time.monotonic() - began, 1)
    write_metrics(folder, metrics)
    report(Run(folder, metrics, predictions))


def report(run: Run) -> Path:
    """Writes a run's report.html from its files, and returns its path."""
    rivals = pl.read_parquet(run.folder / "rivals.parquet")
    path = run.folder / "report.html"
    write_report(
        path,
        metrics=run.metrics,
        predictions=run.predictions,
        rivals={name: rivals[name] for name in SHOWN if name in rivals.columns},
        paired=run.metrics["paired"],
        call_list=run.call_list(),
        stages=load_crm_file(run.model_folder / "crm.yaml").stage_names,
        command=run.metrics["command"],
    )
    return path


def _model_scores(trained: Trained) -> Floats:
    """[rows] of the fine-tuned model on validation and test; NaN on rows that nobody reads."""
    data = trained.data
    positions = np.concatenate([data.positions(part) for part in ("validation", "test")])
    scores = np.full(len(data.rows), np.nan)
    scores[positions] = score_rows(
        trained.ranker.model,
        data.rows,
        positions,
        max_tokens=data.scoring_tokens,
        dense=trained.ranker.score_dense,
    )
    return scores


def _select(data: LeadDataModule, scores: dict[str, Floats], start: str) -> str:
    """`finetuned` only where it is clearly above its start on validation."""
    validation = data.positions("validation")
    kept = earns_its_keep(data, scores["finetuned"][validation], scores[start][validation])
    return "finetuned" if kept else start


def _back_to_probe(trained: Trained) -> None:
    """Makes the model the probe: adapters that change nothing, a head that scores like it."""
    model = trained.ranker.model
    model.encoder.reset_adapters()
    model.head = model.head.as_probe(trained.start.start)


def _calibrate(data: LeadDataModule, rows: Positions, score: Floats) -> Calibration:
    return fit_calibration(score[rows], *_columns(data, rows, "label", "weight"))


def _columns(data: LeadDataModule, rows: Positions, *names: str) -> list[Floats]:
    return [getattr(data.rows, name).double().numpy()[rows] for name in names]


def _measure(
    data: LeadDataModule, rows: Positions, score: Floats, probability: Floats | None = None
) -> dict[str, Any]:
    return ranking_metrics(**_scored(data, rows, score, probability))


def _scored(
    data: LeadDataModule, rows: Positions, score: Floats, probability: Floats | None
) -> dict[str, Any]:
    """The arguments that `ranking_metrics` and `bootstrap_intervals` share."""
    label, weight = _columns(data, rows, "label", "weight")
    return {
        "score": torch.from_numpy(score[rows]),
        "label": torch.from_numpy(label),
        "weight": torch.from_numpy(weight),
        "probability": None if probability is None else torch.from_numpy(probability),
        "stage": data.rows.stage[rows],
        "stage_known": data.rows.stage_known[rows],
        "group": data.rows.group[rows] if data.has_groups else None,
        "group_known": data.rows.group_known[rows],
    }


def _predictions(
    data: LeadDataModule, rows: Positions, score: Floats, calibration: Calibration
) -> pl.DataFrame:
    columns = ["row_id", "lead_id", "snapshot", "group", "label", "stage", "mature", "weight"]
    table = data.table.rows[rows.tolist()].select(columns)
    scored = table.with_columns(
        score=pl.Series(score[rows]),
        probability=pl.Series(calibration.probability(score[rows])),
    )
    return rank_predictions(scored)


def _metrics(
    trained: Trained,
    selected: str,
    scores: dict[str, Floats],
    calibrations: dict[str, Calibration],
) -> dict[str, Any]:
    """The content of metrics.json, but for the paired differences."""
    data, start = trained.data, trained.start
    validation, test = data.positions("validation"), data.positions("test")
    probability = {
        name: calibrations[name].probability(np.nan_to_num(score))
        for name, score in scores.items()
    }
    blocks = {
        name: _measure(data, test, score, probability[name][test])
        for name, score in scores.items()
    }
    kept = scores[selected]
    uncalibrated = 1 / (1 + np.exp(-kept[test]))
    return {
        "experiment": trained.experiment,
        "data": data.crm.name,
        "seed": trained.seed,
        "git": trained.git,
        "data_fingerprint": data.table.fingerprint,
        "trial": data.trial,
        "command": trained.command,
        "machine": f"{_device(trained)}, {torch.get_num_threads()} threads",
        "selected": selected,
        "epochs": trained.epochs,
        "test": {
            **blocks[selected],
            "ece_before_calibration": _measure(data, test, kept, uncalibrated)["ece"],
        },
        "test_ci": _intervals(data, test, kept, probability[selected][test]),
        "probe": blocks["probe"],
        "probe_ci": _intervals(data, test, scores["probe"], probability["probe"][test]),
        "finetuned": blocks["finetuned"],
        "lightgbm": blocks["lightgbm"],
        "lightgbm_ci": _intervals(
            data, test, scores["lightgbm"], probability["lightgbm"][test]
        ),
        "text_free": blocks["text_free"],
        "words": blocks["words"],
        "start": {
            "name": start.name,
            "penalties": _finite(start.start.penalties._asdict()),
            "reads_text": start.start.reads_text,
        },
        **({"funnel_probe": blocks["funnel_probe"]} if "funnel_probe" in blocks else {}),
        "validation": _measure(data, validation, kept, probability[selected][validation]),
        "validation_by_model": {
            name: _measure(data, validation, score)[CHOSEN_BY] for name, score in scores.items()
        },
        # Of each model, for who compares the one that was not kept.
        "calibrations": {name: asdict(line) for name, line in calibrations.items()},
        "prompts": str(data.tokens.cuts),
        "seconds": {"train": round(trained.seconds, 1)},
    }


def _finite(penalties: dict[str, float]) -> dict[str, float | None]:
    """None where a block is not read: JSON has no infinity."""
    return {name: value if np.isfinite(value) else None for name, value in penalties.items()}


def _intervals(
    data: LeadDataModule, rows: Positions, score: Floats, probability: Floats
) -> dict[str, list[float]]:
    found = bootstrap_intervals(
        **_scored(data, rows, score, probability), lead=data.rows.lead[rows]
    )
    return {name: list(interval) for name, interval in found.items()}


def _device(trained: Trained) -> str:
    device = trained.ranker.device
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{platform.machine()} CPU"
    )
