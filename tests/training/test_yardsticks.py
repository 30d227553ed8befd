"""What a known truth says of the rows: scores by those who know more, row by row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leadrank.funnel import LeadTable, load_crm_file, read_lead_table
from leadrank.training.yardsticks import yardstick_scores
from leadrank.world import WorldSettings, make_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known") / "world"
    make_world(WorldSettings(leads=400, days=60, warm_up=30), 3, folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def table(made: Path) -> LeadTable:
    return read_lead_table(load_crm_file(made / "crm.yaml"), made)


def test_each_row_gets_its_own_truth(table: LeadTable, made: Path) -> None:
    scores = yardstick_scores(table, made)
    assert set(scores) == {"oracle_reader", "oracle_world"}
    assert all(np.isfinite(score).all() for score in scores.values())
    truth = pl.read_parquet(made / "truth" / "probability.parquet")
    for at in (0, 7, table.rows.height - 1):
        lead, morning = table.rows.row(at, named=True)["lead_id"], table.rows["snapshot"][at]
        own = truth.filter(
            pl.col("customer_account_id") == lead,
            pl.col("ppl_dt") == morning.replace(tzinfo=None),
        )
        assert scores["oracle_world"][at] == pytest.approx(own["probability"].item())


def test_where_no_truth_lies_there_are_no_yardsticks(table: LeadTable, tmp_path: Path) -> None:
    assert yardstick_scores(table, tmp_path) == {}
    other = replace(table, crm=replace(table.crm, name="raop"))
    assert yardstick_scores(other, tmp_path) == {}


def test_the_quickstarts_own_name_has_yardsticks_too(table: LeadTable, made: Path) -> None:
    named = replace(table, crm=replace(table.crm, name="world"))
    assert set(yardstick_scores(named, made)) == {"oracle_reader", "oracle_world"}
