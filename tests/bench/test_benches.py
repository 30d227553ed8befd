"""Each bench in smoke form: its shape, and that what it compares is equal. No clock decides."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from leadrank.bench.benches import OF_SIZE
from leadrank.bench.big_table import make_big_table
from leadrank.bench.engine_quality import overlap, read
from leadrank.bench.list_metrics import SHARES, _scores, by_list, pooled, rival
from leadrank.bench.sizes import SMOKE
from leadrank.bench.step import CLIP
from leadrank.bench.tokens_that_matter import share_of_padding
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.model.cpu_engine import engines
from leadrank.preference.ndcg import ndcg
from leadrank.preference.order_metrics import auc, top_hits, top_size


@pytest.mark.parametrize("name", list(OF_SIZE))
def test_a_bench_of_size_gives_figures(name):
    figures = OF_SIZE[name](SMOKE)
    assert figures
    assert all(np.isfinite(f.value) and f.value >= 0 and f.n > 0 for f in figures)
    assert any(f.target is not None for f in figures)


def test_lists_measured_by_torchmetrics_have_the_same_values():
    scores = _scores(30, 20)
    torch.testing.assert_close(by_list(*scores), rival(*scores), atol=1e-6, rtol=0)


def test_all_rows_measured_as_one_list_have_the_metrics_own_values():
    score, label, weight, group = _scores(30, 20)
    hits, _ = top_hits(score, label, weight, shares=SHARES)
    expected = [auc(score, label, weight), ndcg(score, label, weight)]
    expected += list(hits / top_size(weight, shares=SHARES))
    found = pooled(score, label, weight, group)
    torch.testing.assert_close(found, torch.stack(expected))


def test_the_big_table_is_one_that_a_crm_file_reads_whole(tmp_path):
    crm = load_crm_file(make_big_table(tmp_path, 4_000))
    rows = read_lead_table(crm, tmp_path).rows
    assert rows.height == 4_000
    assert set(rows["part"].drop_nulls()) == {"train", "validation", "test"}
    assert rows["stage"].n_unique() == 4
    assert rows.filter(pl.col("text").list.len() > 0).height > 3_000
    # Some 1.4 % order within the horizon: 2,000 rows give 15 to 50 in 99.9 % of draws.
    assert 15 <= rows.head(2_000)["label"].sum() <= 50


def test_padding_is_the_share_of_tokens_that_are_no_leads():
    length = np.array([3, 5, 4])
    # 5 + 5 + 4 places for 3 + 5 + 4 tokens.
    found = share_of_padding(length, [np.array([0, 1]), np.array([2])])
    assert found == pytest.approx(100 * 2 / 14)


def test_a_step_clips_gradients_as_training_does():
    base = yaml.safe_load(Path("experiments/base.yaml").read_text("utf-8"))
    assert base["trainer"]["gradient_clip_val"] == CLIP


def test_overlap_counts_what_both_bests_hold():
    one, other = np.array([4.0, 3.0, 2.0, 1.0]), np.array([4.0, 1.0, 3.0, 2.0])
    assert overlap(one, other, 0.5) == 50.0


class Sums:
    """Stands for an encoder: a lead's vector is the sum of its token ids."""

    width = 1

    def __call__(self, ids, mask):
        return (ids * mask).sum(1, keepdim=True).float()


def test_vectors_are_of_the_rows_that_were_asked_for():
    tokens = [np.array(ids, np.int32) for ids in ([1], [7, 8], [2, 3, 4], [7, 8], [5])]
    rows = SimpleNamespace(tokens=tokens, length=np.array([len(ids) for ids in tokens]))
    found = read(Sums(), rows, np.array([4, 3, 2, 1]))
    assert found[:, 0].tolist() == [5, 15, 9, 15]


def test_an_unknown_bench_is_named_with_its_neighbour(command_line, capsys):
    assert command_line("bench", "--only", "plam") == 2
    assert "plan" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_base")
@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")
def test_a_smoke_run_prints_the_table_and_writes_the_file(command_line, capsys, tmp_path):
    if importlib.util.find_spec("trl") is None:
        pytest.skip("the bench extra is not installed (trl)")
    out = tmp_path / "results.json"
    assert command_line("bench", "--smoke", "--data", "world", "--out", out) == 0
    printed = capsys.readouterr().out
    rows = json.loads(out.read_text("utf-8"))
    assert {"name", "value", "target", "unit", "n"} <= rows[0].keys()
    assert all(row["name"] in printed for row in rows)
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    value = {row["name"]: row["value"] for row in rows}
    assert value["largest difference of a score"] <= 1e-3
    assert value["in half precision"] > 0  # it rounds


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_base")
def test_every_engines_ranking_is_held_beside_the_dense_one(command_line, tmp_path):
    out = tmp_path / "results.json"
    assert command_line("bench", "--smoke", "--only", "quality", "--out", out) == 0
    found = {row["name"].strip(): row for row in json.loads(out.read_text("utf-8"))}
    for engine in engines():
        cosine = found[f"{engine} vectors, least cosine"]["value"]
        assert 0.9 < cosine < 1  # rounded, and still the same vectors
        for fields in ("", ", text alone"):
            assert found[f"AUC moves by, {engine}{fields}"]["value"] < 0.1
            assert found[f"best 1 % in common, {engine}{fields}"]["n"] == SMOKE.quality_rows
    assert found["dense AUC"]["value"] > 0.5


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_base")
def test_the_profile_says_where_a_step_goes(command_line, capsys):
    assert command_line("bench", "--smoke", "--data", "world", "--profile") == 0
    printed = capsys.readouterr().out
    operations = [line[:44] for line in printed.splitlines() if line.endswith(" calls")]
    assert len(set(operations)) == len(operations)
    for part in ("rows and pairs", "forward", "loss", "backward", "optimiser"):
        assert part in printed
    assert max(map(len, printed.splitlines()[:-1])) <= 80
