"""The quickstart's table: reproducible, a usable first table, and replaced only by its own."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from leadrank.errors import UserError
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.world import crm, ensure_world, quickstart_table
from leadrank.world import quickstart as module
from leadrank.world.export import make_world
from leadrank.world.oracles import mature_rows
from leadrank.world.quickstart import SETTINGS, WINDOWS
from leadrank.world.settings import START, WorldSettings

CRM_FILE = Path(__file__).parents[1] / "experiments" / "data" / "world.yaml"
DAY = (pl.col("ppl_dt") - START).dt.total_days()


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "world"
    ensure_world(folder)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_draw_is_reproducible(tmp_path: Path) -> None:
    make_world(WorldSettings(leads=600, days=60), 7, tmp_path / "world", progress=False)
    for name in ("a", "b"):
        quickstart_table(tmp_path / "world", tmp_path / name)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_the_draw_has_enough_orders_in_every_window(quickstart: Path) -> None:
    rows = mature_rows(quickstart)
    counts = [
        rows.filter(DAY.is_between(w.start, w.end, closed="left")).height for w in WINDOWS[:5]
    ]
    assert counts == [window.rows for window in WINDOWS[:5]]


def test_the_crm_file_splits_the_draw_at_its_windows(quickstart: Path) -> None:
    """1,800 + 120 + 640 + 140 + 1,800 + 120 rows, of which 120 + 140 are purged."""
    table = read_lead_table(load_crm_file(CRM_FILE), quickstart.parent)
    counts = dict(table.rows.group_by("part").len().iter_rows())
    assert table.report.quarantine.is_empty()
    assert table.report.split.purged == 120 + 140
    overlap = table.report.split.lead_overlap
    assert counts["test"] == 1800
    assert counts["validation"] + counts["train"] == 640 + 1800 - overlap
    assert overlap < 100


def test_every_part_has_its_orders_after_the_split(quickstart: Path) -> None:
    rows = read_lead_table(load_crm_file(CRM_FILE), quickstart.parent).rows
    orders = dict(rows.group_by("part").agg(pl.sum("label")).iter_rows())
    assert orders["train"] >= 300
    assert orders["validation"] >= 60
    assert orders["test"] >= 250


def test_the_funnel_drops_the_calls_after_the_snapshot(quickstart: Path) -> None:
    table = read_lead_table(load_crm_file(CRM_FILE), quickstart.parent)
    notes = table.rows.explode("text").unnest("text")
    assert table.report.notes.late > 1000
    assert (notes["at"] <= notes["snapshot"]).all()


def test_weights_give_back_the_population(quickstart: Path) -> None:
    """Orders weigh 1; of the world's rows in the test window 1.3 to 1.5 % order, about."""
    test = mature_rows(quickstart).filter(
        DAY.is_between(WINDOWS[4].start, WINDOWS[4].end, closed="left")
    )
    assert test.filter(pl.col("label") == 1)["weight"].unique().to_list() == [1.0]
    rate = (test["label"] * test["weight"]).sum() / test["weight"].sum()
    assert 0.011 < rate < 0.017


def test_the_crm_file_reads_what_the_worlds_own_reads() -> None:
    """But for the draw: where the tables lie, the weight, the lists and the shares."""
    ours = yaml.safe_load(CRM_FILE.read_text("utf-8"))
    theirs = yaml.safe_load(crm.crm_text(extract=START))
    for key in ("fields", "stages", "lost", "text", "soft_signals", "forbidden", "snapshot"):
        assert ours[key] == theirs[key], key


def test_the_truth_lies_apart(quickstart: Path) -> None:
    tables = yaml.safe_load(CRM_FILE.read_text("utf-8"))["source"]["tables"]
    assert not any("truth" in path for path in tables.values())
    hidden = {"probability", "need", "budget", "trust", "household", "momentum"}
    for name in ("leads.parquet", "calls.parquet"):
        assert not set(pl.read_parquet_schema(quickstart / name)) & hidden
    rows, truth = (
        pl.read_parquet(quickstart / name)
        for name in ("leads.parquet", "truth/probability.parquet")
    )
    key = ["customer_account_id", "ppl_dt"]
    assert rows.select(key).sort(key).equals(truth.select(key).sort(key))


@pytest.fixture
def small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The quickstart's world with fewer leads, just made."""
    monkeypatch.setattr(module, "SETTINGS", replace(SETTINGS, leads=300, days=60))
    ensure_world(tmp_path / "world")
    return tmp_path / "world"


def test_the_world_of_the_same_code_and_settings_is_left_alone(small_world: Path) -> None:
    (small_world / "leads.parquet").unlink()  # so that making it again would show
    ensure_world(small_world)
    assert not (small_world / "leads.parquet").exists()


@pytest.mark.parametrize("changed", ["code", "leads", "laws", "seed", "windows", "former"])
def test_a_world_of_other_code_or_settings_is_made_again(
    small_world: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = digests(small_world)
    if changed == "code":
        found = json.loads((small_world / "world.json").read_text())
        (small_world / "world.json").write_text(json.dumps({**found, "format": "older"}))
    elif changed == "former":
        (small_world / "world.json").write_text("{}")
        (small_world / "truth.parquet").write_text("of the world before")
    elif changed == "windows":
        monkeypatch.setattr(module, "WINDOWS", WINDOWS[1:])
    elif changed == "seed":
        monkeypatch.setattr(module, "SEED", 1)
    else:
        other = {"leads": {"leads": 500}, "laws": {"need": 0.1}}[changed]
        monkeypatch.setattr(module, "SETTINGS", replace(module.SETTINGS, **other))
    ensure_world(small_world)
    assert (digests(small_world) == before) == (changed in ("code", "former"))
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
