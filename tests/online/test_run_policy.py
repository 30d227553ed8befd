"""A run as a policy: it reads a lead when there is a new record, through the run's CRM file."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from leadrank.cli.abtest_policies import RunPolicy, without_codes
from leadrank.funnel import LeadTable, load_crm_file
from leadrank.world.crm import crm_text
from leadrank.world.dealership import Dealership
from leadrank.world.policies import recency
from leadrank.world.settings import WorldSettings


def numbered(saved: SimpleNamespace, table: LeadTable, *, dense: bool) -> pl.DataFrame:
    """Stands for a model: a lead's score is its number, and lead 3 is not usable."""
    rows = table.rows.select("lead_id", score=pl.col("lead_id").str.slice(1).cast(pl.Float64))
    return rows.filter(pl.col("score") != 3).sample(fraction=1.0, shuffle=True, seed=0)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPolicy:
    monkeypatch.setattr("leadrank.scoring.new_leads.score_table", numbered)
    (tmp_path / "crm.yaml").write_text(crm_text(extract=datetime(2024, 12, 1)), "utf-8")
    policy = object.__new__(RunPolicy)
    policy.saved = SimpleNamespace(crm=load_crm_file(tmp_path / "crm.yaml"))
    policy.score = np.full(300, np.nan)
    policy.scored, policy.unusable, policy.seconds = 0, 0, 0.0
    return policy


def test_only_leads_with_a_new_record_are_read_again(policy: RunPolicy) -> None:
    world = Dealership(WorldSettings(leads=300, days=20, warm_up=10), 1, snapshots=False)
    first = world.open_leads()
    score = policy(first)
    lead = first.lead.astype(float)
    np.testing.assert_array_equal(score, np.where(lead == 3, -np.inf, lead))
    assert policy.scored + policy.unusable == len(first)

    world.run(1, recency)
    second = world.open_leads()
    policy.score[:] += 0.5  # kept scores are told from new ones
    score = policy(second)
    again = second.changed | ~np.isin(second.lead, first.lead)
    assert 0 < again.sum() < len(second)
    usable = second.lead != 3
    kept = np.where(again, 0.0, 0.5)
    np.testing.assert_array_equal(score[usable], (second.lead + kept)[usable])


def test_a_run_sees_no_code_of_another_dealerships_stores(
    policy: RunPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Dealership(WorldSettings(leads=300, days=20, warm_up=10), 1, snapshots=False)
    rows = world.open_leads().rows()
    assert rows["specialist_store_code"].n_unique() > 1
    blank = without_codes(rows)
    assert blank.schema == rows.schema
    for code in ("specialist_store_code", "specialist_store_province_id"):
        assert blank[code].null_count() == len(rows)
    read: list[str] = []

    def noting(saved: SimpleNamespace, table: LeadTable, *, dense: bool) -> pl.DataFrame:
        read.extend(str(table.rows.to_dicts()).split())
        return numbered(saved, table, dense=dense)

    monkeypatch.setattr("leadrank.scoring.new_leads.score_table", noting)
    policy(world.open_leads())
    stores = set(rows["specialist_store_code"].drop_nulls())
    assert read
    assert not any(store in word for word in read for store in stores)
