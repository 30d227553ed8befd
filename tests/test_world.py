"""The simulated dealership: reproducible, exact about its truth, and a usable first table."""

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from leadrank.errors import UserError
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.world import ensure_world, make_world, quickstart_table
from leadrank.world import quickstart as module
from leadrank.world.phrases import NOTES, SPEECH, fillings
from leadrank.world.quickstart import WINDOWS

FILES = ("leads.parquet", "calls.parquet", "truth.parquet", "world.json")
START = datetime(2024, 1, 1)
CRM_FILE = Path(__file__).parents[1] / "experiments" / "data" / "world.yaml"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    make_world(leads=20_000, days=150, seed=7, out=out)
    return out


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "world"
    ensure_world(folder)
    return folder


def rows_with_label(folder: Path) -> pl.DataFrame:
    rows = pl.read_parquet(folder / "leads.parquet")
    label = pl.col("order_at").is_between(
        pl.col("snapshot"), pl.col("snapshot") + timedelta(days=30), closed="right"
    )
    return rows.with_columns(label=label.fill_null(value=False).cast(pl.Int8))


def mature(rows: pl.DataFrame, days: int) -> pl.DataFrame:
    return rows.filter(pl.col("snapshot") <= START + timedelta(days=days - 30))


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES]


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    make_world(leads=300, days=60, seed=3, out=tmp_path / "a")
    make_world(leads=300, days=60, seed=3, out=tmp_path / "b")
    make_world(leads=300, days=60, seed=4, out=tmp_path / "c")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a")[0] != digests(tmp_path / "c")[0]


def test_the_draw_is_reproducible(world: Path, tmp_path: Path) -> None:
    quickstart_table(world, tmp_path / "a")
    quickstart_table(world, tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_one_row_per_lead_and_snapshot_and_a_few_snapshots(world: Path) -> None:
    rows = pl.read_parquet(world / "leads.parquet")
    assert rows.select("lead_id", "snapshot").is_unique().all()
    assert rows.group_by("lead_id").len()["len"].max() in (3, 4)
    assert rows["snapshot"].dt.weekday().is_in([1, 4]).all()


def test_the_order_rate_is_that_of_the_truth(world: Path) -> None:
    rows = mature(rows_with_label(world), days=150)
    rows = rows.join(pl.read_parquet(world / "truth.parquet"), on=["lead_id", "snapshot"])
    rate, truth = rows["label"].mean(), rows["probability"].mean()
    assert 0.011 < rate < 0.017
    # Rows of one lead move together (2.2 rows a lead at most), so 2.2 times the variance.
    tolerance = 3 * np.sqrt(2.2 * truth / rows.height)
    assert rate == pytest.approx(truth, abs=tolerance)


def test_the_truth_is_calibrated_where_it_is_high(world: Path) -> None:
    rows = mature(rows_with_label(world), days=150)
    rows = rows.join(pl.read_parquet(world / "truth.parquet"), on=["lead_id", "snapshot"])
    top = rows.top_k(rows.height // 20, by="probability")
    rate, truth = top["label"].mean(), top["probability"].mean()
    assert rate == pytest.approx(truth, abs=3 * np.sqrt(2.2 * truth / top.height))


def test_the_truth_ranks_far_better_than_any_column(world: Path) -> None:
    rows = mature(rows_with_label(world), days=150)
    rows = rows.join(pl.read_parquet(world / "truth.parquet"), on=["lead_id", "snapshot"])
    assert roc_auc_score(rows["label"], rows["probability"]) > 0.87
    assert roc_auc_score(rows["label"], rows["website_visits"]) < 0.75


def test_rows_are_of_open_leads(world: Path) -> None:
    rows = pl.read_parquet(world / "leads.parquet")
    assert rows.filter(pl.col("order_at") <= pl.col("snapshot")).is_empty()


def test_a_defeat_can_be_taken_back(world: Path) -> None:
    rows = pl.read_parquet(world / "leads.parquet")
    assert rows.filter(pl.col("defeat_at") <= pl.col("snapshot")).height > 0
    assert rows.filter(pl.col("order_at") > pl.col("defeat_at")).height > 0


def test_nothing_is_known_after_the_extract(world: Path) -> None:
    extract = START + timedelta(days=150)
    rows = pl.read_parquet(world / "leads.parquet")
    latest = rows.select(pl.max("snapshot", "test_drive_at", "order_at", "defeat_at")).row(0)
    assert max(latest) < extract
    assert pl.read_parquet(world / "calls.parquet")["at"].max() < extract


def test_some_rows_are_immature_and_some_calls_are_later_than_the_snapshot(
    quickstart: Path,
) -> None:
    rows = pl.read_parquet(quickstart / "leads.parquet")
    assert rows.height - mature(rows, days=217).height == 120
    calls = pl.read_parquet(quickstart / "calls.parquet").join(rows, on="lead_id")
    later = calls.filter(pl.col("at") > pl.col("snapshot"))
    assert later["text"].str.contains("deposit is in").any()
    known = calls.filter(pl.col("at") <= pl.col("snapshot"), pl.col("order_at").is_not_null())
    assert not known["text"].str.contains("deposit is in").any()


def test_the_truth_is_in_no_table_that_the_crm_file_names(world: Path) -> None:
    for name in ("leads.parquet", "calls.parquet"):
        columns = set(pl.read_parquet_schema(world / name))
        assert not columns & {"probability", "urgency", "rival", "household", "budget"}


def test_the_text_tells_what_columns_do_not() -> None:
    """A word that occurs at one level of a trait mostly occurs at another one, too."""
    levels = [
        {word.strip(".,;?") for template in NOTES["rival"][level] for word in template.split()}
        for level in (0, 2)
    ]
    assert {"looking", "offer", "fine", "{rival}", "is"} <= levels[0] & levels[1]


def test_every_template_fills_into_many_sentences() -> None:
    templates = [
        t for book in (NOTES, SPEECH) for trait in book.values() for t in sum(trait, ())
    ]
    sentences = {s for template in templates for s in fillings(template)}
    assert len(templates) > 100
    assert len(sentences) > 300
    assert not any("{" in s for s in sentences)


def test_the_newest_two_calls_are_short(quickstart: Path) -> None:
    calls = pl.read_parquet(quickstart / "calls.parquet")
    words = calls["text"].str.split(" ").list.len()
    assert words.max() <= 45


def test_the_draw_has_enough_orders_in_every_window(quickstart: Path) -> None:
    rows = rows_with_label(quickstart)
    day = (pl.col("snapshot") - START).dt.total_days()
    counts = [
        rows.filter(day.is_between(w.start, w.end, closed="left"))
        .select(pl.len(), pl.sum("label").alias("orders"))
        .row(0)
        for w in WINDOWS
    ]
    assert [n for n, _ in counts] == [window.rows for window in WINDOWS]
    train, validation, test = counts[0], counts[2], counts[4]
    assert train[1] >= 300
    assert validation[1] >= 60
    assert test[1] >= 250


def test_the_crm_file_splits_the_draw_at_its_windows(quickstart: Path) -> None:
    """1,800 + 120 + 640 + 140 + 1,800 + 120 rows, of which 120 + 140 are purged."""
    crm = load_crm_file(CRM_FILE)
    table = read_lead_table(crm, quickstart.parent)
    counts = dict(table.rows.group_by("part").len().iter_rows())
    assert table.report.quarantine.is_empty()
    assert table.report.split.purged == 120 + 140
    overlap = table.report.split.lead_overlap
    assert counts["test"] == 1800
    assert counts["validation"] + counts["train"] == 640 + 1800 - overlap
    assert overlap < 30


def test_the_funnel_drops_the_calls_after_the_snapshot(quickstart: Path) -> None:
    table = read_lead_table(load_crm_file(CRM_FILE), quickstart.parent)
    notes = table.rows.explode("text").unnest("text")
    assert table.report.notes.late > 1000
    assert (notes["at"] <= notes["snapshot"]).all()


def test_every_part_has_its_orders_after_the_split(quickstart: Path) -> None:
    rows = read_lead_table(load_crm_file(CRM_FILE), quickstart.parent).rows
    orders = dict(rows.group_by("part").agg(pl.sum("label")).iter_rows())
    assert orders["train"] >= 300
    assert orders["validation"] >= 60
    assert orders["test"] >= 250


def test_weights_give_back_the_population(quickstart: Path) -> None:
    rows = rows_with_label(quickstart)
    day = (pl.col("snapshot") - START).dt.total_days()
    test = rows.filter(day.is_between(WINDOWS[4].start, WINDOWS[4].end, closed="left"))
    rate = (test["label"] * test["weight"]).sum() / test["weight"].sum()
    assert test.filter(pl.col("label") == 1)["weight"].unique().to_list() == [1.0]
    assert 0.011 < rate < 0.017


@pytest.fixture
def small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The quickstart's world with fewer leads, just made."""
    monkeypatch.setattr(module, "LEADS", 400)
    ensure_world(tmp_path / "world")
    return tmp_path / "world"


def test_the_world_of_the_same_code_and_parameters_is_left_alone(small_world: Path) -> None:
    (small_world / "leads.parquet").unlink()  # so that making it again would show
    ensure_world(small_world)
    assert not (small_world / "leads.parquet").exists()


@pytest.mark.parametrize("changed", ["code", "leads", "seed", "windows"])
def test_a_world_of_other_code_or_parameters_is_made_again(
    small_world: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = digests(small_world)
    if changed == "code":
        found = json.loads((small_world / "world.json").read_text())
        (small_world / "world.json").write_text(json.dumps({**found, "format": "older"}))
    elif changed == "windows":
        monkeypatch.setattr(module, "WINDOWS", WINDOWS[1:])
    else:
        monkeypatch.setattr(module, changed.upper(), {"leads": 500, "seed": 1}[changed])
    ensure_world(small_world)
    assert (digests(small_world) == before) == (changed == "code")
    assert [path.name for path in small_world.parent.iterdir()] == ["world"]


def test_a_world_beside_somebodys_file_is_not_replaced(small_world: Path) -> None:
    (small_world / "world.json").write_text("{}")
    (small_world / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        ensure_world(small_world)
    assert (small_world / "thesis.txt").read_text() == "mine"


def test_a_folder_with_something_else_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        ensure_world(folder)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_too_short_a_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="38 days"):
        make_world(leads=10, days=30, seed=0, out=tmp_path)
