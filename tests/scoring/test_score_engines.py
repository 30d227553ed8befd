"""`leadrank score --engine`: nearly the dense ranking, and a lead's score its own."""

import polars as pl
import pytest

from leadrank.cli.engine_flag import say_engine
from leadrank.model.cpu_engine import LAYERS, exact_products

pytestmark = pytest.mark.slow
exact = pytest.mark.skipif(not exact_products(), reason="this CPU has no exact int8 products")
ENGINES = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=[exact] * (name == "int8")) for name in LAYERS]
)


@pytest.fixture
def leads(small_run, tmp_path):
    """The run's table without what is known only later, and its first leads alone."""
    table = pl.read_csv(small_run.root / "leads.csv", infer_schema=False)
    files = tmp_path / "all.csv", tmp_path / "few.csv"
    for rows, file in zip((table, table.head(9)), files, strict=True):
        rows.drop("ordered", "drive_at").write_csv(file)
    return files


def scored(command_line, small_run, file, out, *words):
    assert (
        command_line("score", "--run", small_run.folder, "--data", file, "--out", out, *words)
        == 0
    )
    return pl.read_parquet(out).sort("lead_id")


@ENGINES
def test_its_scores_are_nearly_the_dense_ones(
    engine, command_line, small_run, leads, tmp_path, monkeypatch
):
    # This run's probe reads words alone, so its scores would not tell who made the vectors.
    tokens = []
    forward = LAYERS[engine].forward
    monkeypatch.setattr(
        LAYERS[engine],
        "forward",
        lambda layer, states: tokens.append(len(states)) or forward(layer, states),
    )
    dense = scored(command_line, small_run, leads[0], tmp_path / "dense.parquet")
    assert not tokens
    faster = scored(
        command_line, small_run, leads[0], tmp_path / "faster.parquet", "--engine", engine
    )
    assert tokens
    moved = (dense["score"] - faster["score"]).abs()
    assert moved.max() < 0.1 * dense["score"].std()


@ENGINES
def test_a_leads_score_is_the_same_in_another_table(
    engine, command_line, small_run, leads, tmp_path
):
    several, few = (
        scored(command_line, small_run, file, tmp_path / f"{k}.parquet", "--engine", engine)
        for k, file in enumerate(leads)
    )
    both = few.join(several, on="lead_id", suffix="_several", validate="1:1")
    assert both.height == 9
    assert (both["score"] - both["score_several"]).abs().max() < 1e-3


@ENGINES
def test_packed_weights_have_no_other_engine(
    engine, command_line, small_run, leads, tmp_path, capsys
):
    words = ["--data", leads[0], "--out", tmp_path / "x.csv", "--engine", engine, "--four-bit"]
    assert command_line("score", "--run", small_run.folder, *words) == 2
    assert "--four-bit keeps them packed" in capsys.readouterr().err


@pytest.mark.parametrize(("gpu", "said"), [(True, 1), (False, 0)])
def test_a_gpu_that_an_engine_leaves_idle_is_named(gpu, said, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    for engine in ("dense", "int8"):
        say_engine(engine)
    printed = capsys.readouterr().out
    assert printed.count("\n") == said == printed.count("int8 is for CPUs")
