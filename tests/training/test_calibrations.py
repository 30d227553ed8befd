"""metrics.json tells each model's calibration, the one that was not kept too."""

import numpy as np
import polars as pl
import pytest

from leadrank import load_run
from leadrank.scoring.calibration import Calibration


def test_a_run_tells_the_calibration_of_each_model(small_run):
    """With it the scores in rivals.parquet give the Brier score of that model's block."""
    run = load_run(small_run.folder)
    told = {name: Calibration(**line) for name, line in run.metrics["calibrations"].items()}
    kept = Calibration.load(run.model_folder / "calibration.json")
    assert told[run.metrics["selected"]] == kept
    rows = run.predictions.join(pl.read_parquet(run.folder / "rivals.parquet"), on="row_id")
    for name in ("finetuned", "probe", "lightgbm"):
        error = (told[name].probability(rows[name]) - rows["label"].to_numpy()) ** 2
        found = np.average(error, weights=rows["weight"])
        assert found == pytest.approx(run.metrics[name]["brier"], abs=1e-9), name
