"""`leadrank score` and `leadrank test` against what the run itself said."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import spearmanr

from leadrank.cli.score import _say_notes
from leadrank.funnel.notes import NoteCounts

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parent.parent.parent / "src"
START = "import sys; from leadrank.cli import main; sys.exit(main())"


def leadrank(*words):
    """`leadrank WORDS` in a new process."""
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", START, *map(str, words)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def unlabelled(small_run, tmp_path):
    """The run's table in another order and without all that is known only later."""
    file = tmp_path / "new.jsonl"
    table = pl.read_csv(small_run.root / "leads.csv", infer_schema=False)
    table.drop("ordered", "drive_at").sample(fraction=1, shuffle=True, seed=0).write_ndjson(
        file
    )
    return file


def assert_agrees(small_run, out):
    """Every row of the run's predictions has the same score in the new list."""
    said = pl.read_parquet(small_run.folder / "predictions.parquet")
    both = said.join(
        pl.read_parquet(out), on=["lead_id", "snapshot"], suffix="_new", validate="1:1"
    )
    assert both.height == said.height
    for name in ("score", "probability"):
        assert (both[name] - both[f"{name}_new"]).abs().max() < 1e-3
    # Rounded as far as two equal leads may differ by their batch mates.
    scores = (both[name].round(5) for name in ("score", "score_new"))
    assert spearmanr(*scores).statistic >= 0.9999


def test_a_new_process_gives_rows_without_labels_the_runs_scores(
    small_run, unlabelled, tmp_path
):
    out = tmp_path / "calls.parquet"
    done = leadrank("score", "--run", small_run.folder, "--data", unlabelled, "--out", out)
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(out).height == pl.read_ndjson(unlabelled).height
    assert_agrees(small_run, out)


def test_so_does_scoring_in_4_bit(small_run, unlabelled, tmp_path, command_line):
    out = tmp_path / "calls.parquet"
    words = ["--run", small_run.folder, "--data", unlabelled, "--out", out]
    assert command_line("score", *words, "--four-bit") == 0
    assert_agrees(small_run, out)


@pytest.mark.parametrize("column", ["channel", "message", "enquired_at", "lead"])
def test_a_table_that_lacks_a_needed_column_is_refused_by_its_name(
    small_run, unlabelled, tmp_path, column, command_line, capsys
):
    pl.read_ndjson(unlabelled).drop(column).write_ndjson(tmp_path / "less.jsonl")
    words = ["--run", small_run.folder, "--data", tmp_path / "less.jsonl"]
    capsys.readouterr()
    assert command_line("score", *words, "--out", tmp_path / "calls.parquet") == 2
    assert f"no column '{column}'" in capsys.readouterr().err
    assert not (tmp_path / "calls.parquet").exists()


def test_notes_that_were_not_read_are_counted(capsys):
    _say_notes(NoteCounts())
    assert not capsys.readouterr().out
    _say_notes(NoteCounts(late=3, orphan=1_200))
    said = "notes that were not read: 3 later than the snapshot, 1,200 of unknown leads"
    assert capsys.readouterr().out == said + "\n"


@pytest.mark.parametrize("flags", [(), ("--four-bit",)], ids=["dense", "4 bit"])
def test_a_run_measures_itself_as_it_said(small_run, command_line, capsys, flags):
    capsys.readouterr()
    code = command_line("test", "--run", small_run.folder, "--root", small_run.root, *flags)
    said = capsys.readouterr().out
    assert code == 0, said
    figures = next(line.split() for line in said.splitlines() if line.startswith("auc"))
    assert figures[1] == figures[-1].rstrip(")")
