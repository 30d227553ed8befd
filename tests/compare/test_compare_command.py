"""`leadrank compare` from the words to the page, in smoke form."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from leadrank.cli.compare import _missing, _terms

EXPERIMENTS = Path(__file__).parents[2] / "experiments"

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def compare(small_crm, tmp_path, command_line, monkeypatch):
    """Runs `leadrank compare` on the small CRM, in a folder of its own."""
    folder = tmp_path / "experiments"
    (folder / "data").mkdir(parents=True)
    for file in EXPERIMENTS.glob("*.yaml"):
        shutil.copy(file, folder)
    shutil.copy(small_crm.crm, folder / "data" / "small.yaml")
    monkeypatch.chdir(tmp_path)
    words = ["compare", "--data", "small", "--root", small_crm.root]
    return lambda *more: command_line(*words, *more)


def test_a_smoke_comparison_writes_the_page_the_rows_and_the_pictures(compare, capsys):
    # The reference, LightGBM, is run unasked.
    systems = ["--systems", "hpro_paper,pointwise"]
    assert compare("--smoke", *systems) == 0
    out = Path("benchmarks/compare/small-smoke")
    page = (out / "comparison.md").read_text("utf-8")
    assert page.startswith("# small: every system on the same leads")
    printed = capsys.readouterr().out
    assert "hpro_paper" in printed
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert "| LightGBM | fields |" in page
    assert "## Against LightGBM" in page
    document = json.loads((out / "comparison.json").read_text("utf-8"))
    rows = {(row["system"], row["metric"]): row for row in document["rows"]}
    row = rows["pointwise", "average_precision"]
    assert row["low"] <= row["value"] <= row["high"]
    assert (row["seeds"], row["n"]) == (1, 20)
    assert {pair["system"] for pair in document["paired"]} == {"pointwise", "hpro_paper"}
    for picture in ("gain", "calibration", "stages", "paired"):
        assert (out / f"{picture}.png").stat().st_size > 5_000
    assert "NaN" not in (out / "comparison.json").read_text("utf-8")
    # What is there is not run again, and stands in the next page.
    before = (out / "pointwise.parquet").stat().st_mtime_ns
    assert compare("--smoke", "--systems", "pointwise", "--against", "hpro_paper") == 0
    assert (out / "pointwise.parquet").stat().st_mtime_ns == before
    assert "## Against HPRO as in the paper" in (out / "comparison.md").read_text("utf-8")
    # As a part of another page.
    assert compare("--smoke", "--systems", "pointwise", "--level", "3") == 0
    lines = (out / "comparison.md").read_text("utf-8").splitlines()
    heads = [line for line in lines if line.startswith("#")]
    assert heads[0].startswith("### small")
    assert {one.split(" ")[0] for one in heads[1:]} == {"####"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--systems", "hrpo"], "no system 'hrpo'; did you mean 'hpro'"),
        (["--run", "lora"], "expected NAME=FOLDER"),
        (["--data", "smal"], "smal.yaml: no such CRM file"),
        (["--exp", "quikstart"], "no such experiment; did you mean 'quickstart'"),
        (["--against", "prob"], "no such system; did you mean 'probe'"),
    ],
)
def test_mistakes_are_said_in_a_sentence(compare, capsys, words, said):
    assert compare(*words) == 2
    assert said in capsys.readouterr().err


def test_an_experiment_gives_the_encoder_and_the_longest_prompt(small_crm):
    chosen = SimpleNamespace(
        root=small_crm.root, smoke=False, experiments=EXPERIMENTS, exp="quickstart"
    )
    data, encoder, _ = _terms(chosen, small_crm.crm)
    assert (encoder.layers, encoder.adapt, data.prompt.max_tokens) == (8, "none", 128)


def test_a_crm_files_path_files_results_under_its_folder(compare, small_crm, tmp_path):
    own = tmp_path / "north" / "crm.yaml"
    own.parent.mkdir()
    shutil.copy(small_crm.crm, own)
    assert compare("--data", str(own), "--systems", "logistic", "--smoke") == 0
    assert Path("benchmarks/compare/north-smoke/logistic.json").is_file()


def test_what_failed_in_an_earlier_window_is_named_with_the_window():
    windows = [{"a": "KeyError"}, {"a": "KeyError", "b": "ValueError"}]
    found = _missing([SimpleNamespace(failed=one) for one in windows], "failed")
    assert found == {
        "a": "KeyError",
        "a (test window 2)": "KeyError",
        "b (test window 2)": "ValueError",
    }


def test_earlier_test_windows_are_fitted_apart_and_averaged(compare):
    words = ["--systems", "logistic", "--origins", "2", "--out", "out"]
    assert compare(*words) == 0
    document = json.loads(Path("out/comparison.json").read_text("utf-8"))
    assert document["origins"] == 2
    assert {pair["system"] for pair in document["over_origins"]} == {"logistic"}
    windows = [pl.read_parquet(Path("out", k, "logistic.parquet")) for k in (".", "origin_1")]
    # 240 leads: the last 30 % are 72, and 30 % of those whose 30 days ended before are earlier.
    assert windows[0].height == 72
    assert windows[1]["row_id"].max() < windows[0]["row_id"].min()
    assert "## Averaged over 2 test windows" in Path("out/comparison.md").read_text("utf-8")
