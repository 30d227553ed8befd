"""Who ranks a world's orders how well: a bag of words, boosted trees, a perfect reader."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from leadrank.cli import main
from leadrank.world import measure, orders_of_calls, transcripts
from leadrank.world.measure import _world, table
from leadrank.world.oracles import (
    LEAD,
    OWN_CODES,
    column_features,
    mature_rows,
    reader_features,
)
from leadrank.world.settings import START, WorldSettings
from leadrank.world.trees import fit_trees
from leadrank.world.words import Words
from leadrank.world.yardsticks import KEPT, load_reader, world_print, write_reader, yardsticks


def small_world(folder, n=400, seed=0):
    """A text of last week whose word tells half of the orders, and one that comes too late."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype(int)
    told = np.where((label == 1) & (rng.random(n) < 0.5), "contract", "weather")
    lead = [f"C{i:04}" for i in range(n)]
    morning = START + timedelta(days=9, hours=8)
    rows = pl.DataFrame(
        {LEAD: lead, "ppl_dt": [morning] * n, "label": label, "told": told == "contract"}
    )
    known = pl.DataFrame({LEAD: lead, "at": [START] * n, "text": told})
    late = pl.DataFrame(
        {LEAD: lead, "at": [morning + timedelta(hours=1)] * n,
         "text": np.where(label == 1, "sold", "open")}
    )  # fmt: skip
    folder.mkdir(parents=True)
    pl.concat([known, late]).write_parquet(folder / "calls.parquet")
    return rows


def test_a_bag_of_words_reads_what_was_known_and_nothing_later(tmp_path):
    rows, other = (small_world(tmp_path / name, seed=k) for k, name in enumerate("ab"))
    words = Words(rows, tmp_path / "a")
    scores = words.scores(other, tmp_path / "b")
    for world, found in ((other, scores), (rows, words.own)):
        told = world.filter(pl.col("label") == 1)["told"].mean()
        # Who is told of ranks above all others, the rest by chance: told + (1 - told) / 2.
        for column in found.iter_columns():
            auc = roc_auc_score(world["label"], column)
            assert auc == pytest.approx(told + (1 - told) / 2, abs=0.06)
            assert auc < 0.9  # the late text tells all


def test_shuffled_words_say_nothing(tmp_path):
    rows = small_world(tmp_path / "a")
    words = Words(rows, tmp_path / "a", shuffled=True)
    # Standard error of an AUC of 120 orders among 400 rows: about .03.
    assert roc_auc_score(rows["label"], words.own["words"]) == pytest.approx(0.5, abs=0.1)


def test_trees_learn_categories_and_take_unknown_ones():
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 4000)
    x = rng.normal(size=4000)
    label = pl.Series((rng.random(4000) < np.where(kind == "b", 0.6, 0.1)).astype(int))
    rows = pl.DataFrame({"kind": kind, "x": x})
    lead = pl.Series([f"C{i}" for i in range(4000)])
    trees = fit_trees(rows, label, lead, ((7, 50),))
    asked = pl.DataFrame({"kind": ["a", "b", "never seen", None], "x": [0.0] * 4})
    chance = 1 / (1 + np.exp(-trees(asked)))
    assert chance[:2] == pytest.approx([0.1, 0.6], abs=0.06)
    assert chance[2] == chance[3]


@pytest.fixture(scope="module")
def rows(folder) -> pl.DataFrame:
    """Mature rows whose `label` is to be among the likeliest fifth: no chance in it."""
    truth = pl.read_parquet(folder / "truth" / "probability.parquet")
    found = mature_rows(folder).join(truth, on=[LEAD, "ppl_dt"], maintain_order="left")
    likely = found["probability"] > found["probability"].quantile(0.8)
    return found.with_columns(label=likely.cast(pl.Int8))


def test_shuffled_texts_say_nothing(rows, folder):
    half = rows[LEAD].str.slice(-1).cast(int) % 2 == 0
    known, asked = rows.filter(half), rows.filter(~half)

    def auc(*, shuffled: bool) -> float:
        words = Words(known, folder, shuffled=shuffled)
        return float(roc_auc_score(asked["label"], words.scores(asked, folder)["words"]))

    said, mixed = auc(shuffled=False), auc(shuffled=True)
    # 2,600 rows, a fifth positive: the standard error of an AUC of .5 is .014.
    assert said > 0.6 > 0.55 > mixed > 0.45, (said, mixed)


def test_the_kept_reader_was_taught_by_a_world_of_these_laws():
    """Made anew by `leadrank world --measure --out FOLDER`, which leaves FOLDER/reader.json."""
    kept = json.loads(KEPT.read_text("utf-8"))
    assert kept["rows"] > 1_000_000
    assert kept["world"] == world_print()


def test_the_reader_stands_between_the_columns_and_the_truth(rows, folder):
    scores = yardsticks(folder).join(rows, on=[LEAD, "ppl_dt"], how="right")
    assert scores["oracle_world"].to_numpy() == pytest.approx(rows["probability"].to_numpy())
    reader = roc_auc_score(scores["label"], scores["oracle_reader"])
    columns = column_features(rows).drop(OWN_CODES)
    best = max(
        abs(roc_auc_score(rows["label"], values.fill_null(values.mean())) - 0.5)
        for values in columns.select(pl.selectors.numeric()).iter_columns()
        if values.null_count() < len(values)
    )
    assert 0.5 + best + 0.05 < reader < 0.97


def test_a_reader_that_is_kept_is_the_same(rows, folder, tmp_path):
    features = reader_features(rows, folder)
    trees = fit_trees(features, rows["label"], rows[LEAD], ((7, 200),))
    write_reader(trees, tmp_path / "reader.json", rows=rows.height)
    assert (load_reader(tmp_path / "reader.json")(features) == trees(features)).all()


def test_the_table_shows_each_world_and_the_mean():
    found = pl.DataFrame(
        {
            "seed": [1, 2], "rows": [1000, 2000], "system": ["columns"] * 2,
            "positive": [0.01, 0.02], "auc": [0.7, 0.8], "top": [0.1, 0.2],
        }
    )  # fmt: skip
    last = table(found).splitlines()[-1].split()
    assert last == ["columns", "0.7000", "0.8000", "0.7500", "15.0%"]


def test_worlds_are_measured_and_used_again(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(measure, "LEARN_TIMES", 2)  # a third of the time
    words = ["world", "--measure", "--leads", "2000", "--days", "60", "--out", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    for system in ("columns and words", "oracle_reader", "oracle_world", "shuffled facts"):
        assert system in said
    kept = json.loads((tmp_path / "reader.json").read_text("utf-8"))
    assert kept["world"] == world_print()
    assert len(list(tmp_path.glob("*/leads.parquet"))) == 4


def test_a_world_that_is_there_is_used_again(tmp_path):
    tiny = WorldSettings(leads=200, days=40, warm_up=10)
    folder = _world(tiny, 1, tmp_path, False)
    (folder / "leads.parquet").unlink()
    assert not (_world(tiny, 1, tmp_path, False) / "leads.parquet").exists()
    assert (_world(replace(tiny, need=0.1), 1, tmp_path, False) / "leads.parquet").exists()


def test_a_world_of_other_laws_is_not_used_again(tmp_path, monkeypatch):
    tiny = WorldSettings(leads=200, days=40, warm_up=10)
    folder = _world(tiny, 1, tmp_path, False)
    (folder / "leads.parquet").unlink()
    monkeypatch.setattr(measure, "code_hash", lambda: "other laws")
    assert (_world(tiny, 1, tmp_path, False) / "leads.parquet").exists()


def test_the_span_is_from_the_worst_to_the_best_order_of_calls():
    """Sums over two worlds: best 50, worst 10, probability 20 and 20: (40 - 10) / (50 - 10)."""
    sold = {name: [20, 20] for name in orders_of_calls.POLICIES}
    sold[orders_of_calls.BEST], sold[orders_of_calls.WORST] = [30, 20], [5, 5]
    said = orders_of_calls.table(pl.DataFrame({"seed": [1, 2], **sold})).splitlines()
    line = next(each for each in said if each.startswith("true chance")).split()
    assert "75%" in line
    # Without one world or the other: 15/25 and 15/15 of mean .8, jackknife error .2.
    assert line[-1] == "20%"
    assert all(each == each.rstrip() for each in said)


def test_policies_are_sold_by(capsys):
    words = ["--policies", "--leads", "200", "--days", "31", "--seeds", "1"]
    assert main(["world", *words]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name}" in said for name in orders_of_calls.POLICIES)


def test_a_page_of_texts_counts_its_sentences():
    calls = pl.DataFrame(
        {
            "author": ["call", "note"], "at": [START, START],
            "text": ["Rep: Hello. Customer: Yes. Rep: Hello.", "Yes."],
        }
    )  # fmt: skip
    page = transcripts.sampled_page(calls, 2, seed=0, command="as said")
    # Hello, Yes, Hello, Yes: 2 of 4.
    assert "4 sentences 50% are distinct" in page
    assert "> Rep: Hello.  \n> Customer: Yes.  \n> Rep: Hello." in page


def test_texts_are_printed(capsys):
    words = ["--texts", "20", "--leads", "200", "--days", "31", "--seed", "5"]
    assert main(["world", *words]) == 0
    page = capsys.readouterr().out
    assert f"leadrank world {' '.join(words)}" in page
    assert "\n20. " in page


def test_one_door_at_a_time(capsys):
    assert main(["world", "--measure", "--policies", "--seeds", "0"]) == 2
    said = capsys.readouterr().err
    assert "--measure and --policies" in said
    assert "--seeds" in said
    assert main(["world"]) == 2
    assert "--out" in capsys.readouterr().err
