"""The folder of a world: the columns, the CRM file that reads it, and the planted traps."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from leadrank.cli import main
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.world.columns import CALL_DAYS, NOT_FILLED, crm_rows
from leadrank.world.export import make_world
from leadrank.world.settings import START, WorldSettings


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    tiny = WorldSettings(leads=300, days=40, warm_up=20)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_world(tiny, seed, tmp_path / name, progress=False)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a")["leads.parquet"] != digests(tmp_path / "c")["leads.parquet"]


@pytest.fixture(scope="module")
def table(folder):
    return read_lead_table(load_crm_file(folder / "crm.yaml"), folder)


def test_the_crm_file_reads_the_world_without_a_complaint(table):
    assert table.report.quarantine.is_empty()
    assert "test" in set(table.rows["part"].drop_nulls())
    assert table.rows["stage"].drop_nulls().n_unique() == 3


def test_the_label_is_what_the_world_knows(folder, table):
    raw = pl.read_parquet(folder / "leads.parquet").unique()
    known = table.rows.filter("mature").join(
        raw.select("customer_account_id", pl.col("ppl_dt").dt.replace_time_zone("UTC"),
                   "lock_label"),
        left_on=["lead_id", "snapshot"], right_on=["customer_account_id", "ppl_dt"],
    )  # fmt: skip
    assert known.height == table.rows["mature"].sum()
    assert (known["label"] == known["lock_label"]).all()


def test_columns_are_what_the_log_holds_of_the_days_before(dealership):
    """Against a count by hand, on forty rows."""
    rows = dealership.log.read("rows")
    at = np.random.default_rng(0).choice(len(rows["lead"]), 40, replace=False)
    lead, day = rows["lead"][at], rows["day"][at].astype(np.int64)
    frame = crm_rows(dealership, lead, day)
    calls = dealership.log.read("calls")
    for row, (one, today) in enumerate(zip(lead, day, strict=True)):
        own = (calls["lead"] == one) & (calls["day"] < today)
        recent = own & (calls["day"] >= today - CALL_DAYS)
        talks = recent & calls["connected"].astype(bool)
        shown = frame.row(row, named=True)
        assert shown["follow_cnt"] == own.sum()
        assert shown["total_follow_up_cnt"] == recent.sum()
        assert shown["call_conn_cnt"] == talks.sum()
        longest = calls["minutes"][talks].max() if talks.any() else None
        assert shown["max_duration"] == (longest and pytest.approx(longest, abs=0.01))
        last = today - calls["day"][own].max() if own.any() else None
        assert shown["last_follow_interval"] == last


def test_some_cells_are_not_filled_in(dealership):
    rows = dealership.log.read("rows")
    frame = crm_rows(dealership, rows["lead"], rows["day"].astype(np.int64))
    empty = frame["channel_code"].is_null().mean()
    assert empty == pytest.approx(NOT_FILLED["channel_code"], abs=0.01)


def test_a_view_shows_the_columns_and_calls_of_this_morning(dealership):
    view = dealership.open_leads()
    chosen = np.flatnonzero(view.changed)[:20]
    rows, calls = view.rows(chosen), view.calls(chosen)
    morning = START + timedelta(days=dealership.day, hours=8)
    assert rows["ppl_dt"].unique().to_list() == [morning]
    assert calls["at"].max() < morning
    assert set(calls["customer_account_id"]) <= set(rows["customer_account_id"])


def test_traps_are_declared_and_the_crm_file_does_not_fall_into_them(folder, table):
    traps = json.loads((folder / "truth" / "traps.json").read_text("utf-8"))
    crm = yaml.safe_load((folder / "crm.yaml").read_text("utf-8"))
    assert set(traps["later_fields"]) == set(crm["forbidden"])
    raw = pl.read_parquet(folder / "leads.parquet")
    assert len(traps["rows_twice"]) == raw.height - raw.unique().height > 0
    two = set(traps["customers_with_two_tickets"]) & set(raw["customer_account_id"])
    found = raw.group_by("customer_account_id").agg(pl.n_unique("ticket_id"))
    assert set(found.filter(pl.col("ticket_id") > 1)["customer_account_id"]) <= two
    notes = table.rows.explode("text").unnest("text")["text"].drop_nulls()
    assert table.report.notes.late > 0
    ordered = notes.is_in(pl.Series(traps["notes_after_order"]).implode())
    assert not ordered.any()
    calls = pl.read_parquet(folder / "calls.parquet")["text"]
    assert calls.is_in(pl.Series(traps["notes_after_order"]).implode()).any()


def test_nothing_is_known_after_the_extract(folder):
    extract = START + timedelta(days=90)
    rows = pl.read_parquet(folder / "leads.parquet")
    latest = rows.select(pl.max("ppl_dt", "order_at", "test_drive_at", "defeat_at")).row(0)
    assert max(latest) < extract
    assert pl.read_parquet(folder / "calls.parquet")["at"].max() < extract


def test_the_truth_lies_apart_and_no_crm_file_names_it(folder):
    assert "truth" not in (folder / "crm.yaml").read_text("utf-8").split("source:")[1]
    hidden = {"probability", "need", "budget", "trust", "household", "calling", "momentum"}
    for name in ("leads.parquet", "calls.parquet"):
        assert not set(pl.read_parquet_schema(folder / name)) & hidden


def test_the_door_names_all_mistakes_at_once(tmp_path, capsys):
    (tmp_path / "full").write_text("mine")
    words = ["--leads", "0", "--days", "30", "--seed", "-1", "--out", str(tmp_path)]
    assert main(["world", *words]) == 2
    said = capsys.readouterr().err
    for name in ("--leads 0", "--days 30", "--seed -1", "--out"):
        assert name in said
    words = ["--leads", "2000000", "--seed", "99999999999999", "--out", str(tmp_path / "new")]
    assert main(["world", *words]) == 2
    assert capsys.readouterr().err.count("expected") == 2
