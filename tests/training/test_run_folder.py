"""A run's folder is unfinished or whole, and `latest` is the newest whole one."""

import json
import math

import polars as pl
import pytest

from leadrank import load_run
from leadrank.errors import UserError
from leadrank.training.run_folder import MARK, begin, end, write_metrics


def finished(folder, auc=0.5):
    begin(folder)
    write_metrics(folder, {"test": {"auc": auc}})
    pl.DataFrame({"row_id": [1], "score": [0.5]}).write_parquet(folder / "predictions.parquet")
    end(folder)
    return folder


def test_a_run_carries_its_mark_until_its_end(tmp_path):
    folder = tmp_path / "hpro-raop" / "version_0"
    begin(folder)
    assert (folder / MARK).exists()
    assert not (folder.parent / "latest").exists()
    end(folder)
    assert not (folder / MARK).exists()
    assert (folder.parent / "latest").resolve() == folder


def test_latest_is_the_newest_finished_run(tmp_path):
    finished(tmp_path / "version_0", auc=0.6)
    finished(tmp_path / "version_1", auc=0.7)
    begin(tmp_path / "version_2")
    assert load_run(tmp_path / "latest").metrics["test"]["auc"] == 0.7
    assert [path.name for path in tmp_path.iterdir() if path.is_symlink()] == ["latest"]


def test_runs_may_be_moved_together(tmp_path):
    finished(tmp_path / "runs" / "version_0")
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    assert load_run(tmp_path / "elsewhere" / "latest").predictions.height == 1


def test_an_unfinished_run_is_refused_even_with_all_its_files(tmp_path):
    folder = finished(tmp_path / "version_0")
    begin(folder)
    with pytest.raises(UserError, match=r"did not finish; resume it with .*--ckpt_path"):
        load_run(folder)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such run"):
        load_run(tmp_path / "version_9")
    with pytest.raises(UserError, match="not a run's folder"):
        load_run(tmp_path)


def test_an_undefined_figure_is_null_in_metrics(tmp_path):
    write_metrics(tmp_path, {"a": math.nan, "b": [math.nan, 1.0], "c": {"d": (math.nan,)}})
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found == {"a": None, "b": [None, 1.0], "c": {"d": [None]}}
