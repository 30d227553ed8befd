"""`leadrank fit` on two processes that share the validation unevenly: one whole run."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from leadrank import LeadDataModule
from leadrank.training.run_folder import load_run

QUICKSTART = Path(__file__).parent.parent.parent / "experiments" / "quickstart.yaml"
LEADRANK = Path(sys.executable).with_name("leadrank")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(small_run, tmp_path_factory):
    """The folder of all runs after `leadrank fit --smoke` on two processes."""
    if not LEADRANK.is_file():
        pytest.skip(f"{LEADRANK} is not installed, which the second process is started with")
    folder = tmp_path_factory.mktemp("two") / "runs"
    words = ["--config", QUICKSTART, "--data.crm", small_run.crm, "--data.root", small_run.root]
    words += ["--runs", folder, "--smoke", "--trainer.accelerator", "cpu"]
    words += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    # The 20 validation rows are three batches: two for rank 0, one for rank 1.
    words += ["--data.scoring_tokens", "80"]
    done = subprocess.run(
        [LEADRANK, "fit", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_second_process_makes_no_folder_of_its_own(runs):
    """Its logger would count rank 0's folder and take the next number."""
    (experiment,) = runs.iterdir()
    assert sorted(f.name for f in experiment.iterdir()) == ["latest", "version_0"]
    assert (experiment / "latest").resolve() == (experiment / "version_0").resolve()


def test_the_run_is_whole(runs):
    run = load_run(runs / "quickstart-small" / "latest")
    assert run.predictions["score"].is_finite().all()
    assert run.predictions["row_id"].is_unique().all()
    weights = sorted(f.name for f in (run.folder / "checkpoints").iterdir())
    assert weights == ["best.ckpt", "last.ckpt"]


def test_validation_is_measured_over_both(runs):
    log = pl.read_csv(runs / "quickstart-small" / "latest" / "metrics.csv")
    measured = log["val/auc"].drop_nulls()
    assert len(measured) == 1
    assert measured.is_between(0, 1).all()
    # Rank 0 alone measures it again when the run has ended.
    run = load_run(runs / "quickstart-small" / "latest")
    expected = run.metrics["validation_by_model"]["finetuned"]
    assert measured[0] == pytest.approx(expected, abs=1e-5)


def test_a_rank_without_validation_rows_of_its_own_repeats_one(small_crm, data_of, monkeypatch):
    """Else Lightning skips its validation, and the other rank waits for its metrics in vain."""
    monkeypatch.setattr(LeadDataModule, "_world_size", 2)
    monkeypatch.setattr(LeadDataModule, "_rank", 1)
    data = data_of(small_crm, scoring_tokens=100_000)
    (batch,) = data.val_dataloader()
    row_id = data.rows.row_id[data.positions("validation")]
    assert set(batch["row_id"].tolist()) <= set(row_id.tolist())
