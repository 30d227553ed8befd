"""From a CRM file to batches: maturity modes, lists, soft signals and the cap."""

from datetime import datetime, timedelta

import numpy as np
import pytest
import torch

from leadrank.errors import UserError
from leadrank.preference import censoring_weights
from leadrank.preference.settings import PreferenceSettings

pytestmark = pytest.mark.usefixtures("embedded_base")

STAGES = [
    {"name": "lead", "always": True},
    {"name": "test drive", "reached_at": "drive_at"},
    {"name": "order", "reached_at": "ordered_at"},
]
EXTRACT = datetime(2024, 10, 27)


@pytest.fixture
def dated(small_crm):
    """Orders with their day, a rep and talked minutes; a tenth of the rows are immature.

    An order comes 5 days after the enquiry; what comes after the extract is not in the table.
    """
    rows = small_crm.rows()
    for i, row in enumerate(rows):
        day = datetime.fromisoformat(row["enquired_at"]) + timedelta(days=5)
        seen = row["ordered"] == "1" and day <= EXTRACT
        row |= {"ordered_at": day.isoformat() if seen else "", "rep": "ab"[i % 2]}
        row |= {"minutes": "" if i % 5 == 0 else str(i % 7)}
    small_crm.write(rows)
    small_crm.change(
        stages=STAGES,
        extract=EXTRACT.date().isoformat(),
        group={"columns": ["rep"]},
        soft_signals=[{"column": "minutes"}],
        split={"kind": "random", "test": 0.2, "validation": 0.2},
        forbidden=["ordered", "drive_at", "ordered_at"],
    )
    return small_crm


def ready(data):
    data.setup("fit")
    return data


def test_mature_trains_on_rows_followed_to_the_horizon_each_at_its_own_weight(dated, data_of):
    data = ready(data_of(dated))
    train = data.positions("train")
    assert data.table.rows["mature"].to_numpy()[train].all()
    assert (data.rows.follow_up[train] == 1).all()
    assert (data.rows.weight == 1).all()


def test_ipcw_adds_young_orders_and_weighs_what_was_seen(dated, data_of):
    data = ready(data_of(dated, preference=PreferenceSettings(maturity="ipcw")))
    table = data.table.rows
    part = table.filter(part="train")
    columns = (part[k].fill_null(0) for k in ("label", "order_days", "followed_days"))
    expected = censoring_weights(
        *(torch.tensor(c.cast(float).to_list(), dtype=torch.float64) for c in columns),
        horizon_days=30,
    )
    train = data.positions("train")
    assert part["row_id"].to_numpy()[expected > 0].tolist() == train.tolist()
    torch.testing.assert_close(data.rows.follow_up[train], expected[expected > 0].float())
    torch.testing.assert_close(data.rows.weight[train], data.rows.follow_up[train])
    young = table[train].filter(~table[train]["mature"])
    assert young.height > 0
    assert young["label"].to_list() == [1] * young.height
    assert data.rows.follow_up[train].max() > 1


def test_pairs_of_ipcw_weigh_the_product(dated, data_of):
    data = ready(data_of(dated, preference=PreferenceSettings(maturity="ipcw")))
    for batch in data.train_dataloader():
        pairs, weight = batch["pairs"], batch["follow_up"]
        expected = weight[pairs.winner] * weight[pairs.loser]
        torch.testing.assert_close(pairs.weight, expected)


def test_open_is_lost_trains_on_every_row_however_young(dated, data_of):
    data = ready(data_of(dated, preference=PreferenceSettings(maturity="open_is_lost")))
    part = data.table.rows.filter(part="train")
    train = data.positions("train")
    assert train.tolist() == part["row_id"].to_list()
    assert not part["mature"].all()
    batches = list(data.train_dataloader())
    paired = {
        int(batch["row_id"][i]) for batch in batches for i in torch.cat(batch["pairs"][:2])
    }
    young = part.filter(~part["mature"])["row_id"].to_list()
    assert paired & set(young)


@pytest.mark.parametrize("maturity", ["ipcw", "open_is_lost"])
def test_what_measures_is_mature_whatever_the_mode(dated, data_of, maturity):
    data = ready(data_of(dated, preference=PreferenceSettings(maturity=maturity)))
    for part in ("validation", "test"):
        rows = data.positions(part)
        assert data.table.rows["mature"].to_numpy()[rows].all()
        assert (data.rows.weight[rows] == 1).all()


def test_ipcw_without_the_day_of_an_order_says_why_it_cannot(small_crm, data_of):
    data = data_of(small_crm, preference=PreferenceSettings(maturity="ipcw"))
    with pytest.raises(UserError, match="maturity: ipcw weighs an order by the day it came"):
        data.setup("fit")


def test_the_soft_tier_parts_rows_of_a_stage_at_the_training_median(dated, data_of):
    data = ready(data_of(dated))
    minutes = data.table.rows["minutes"].to_numpy()[data.positions("train")]
    known = np.sort(minutes[~np.isnan(minutes)])
    assert data.tiers[-1].threshold == known[(len(known) - 1) // 2]
    seen = 0
    for batch in data.train_dataloader():
        pairs = batch["pairs"]
        soft = pairs.tier == len(data.tiers) - 1
        high, low = (batch["signal"][side[soft], 0] for side in pairs[:2])
        assert (high > data.tiers[-1].threshold).all()
        assert (low <= data.tiers[-1].threshold).all()
        assert batch["signal_known"][pairs.loser[soft]].all()
        seen += int(soft.sum())
    assert seen > 0


def test_without_soft_signals_the_run_says_that_the_tier_is_left_out(
    small_crm, data_of, capsys
):
    data = ready(data_of(small_crm))
    assert [tier.name for tier in data.tiers] == ["global", "key"]
    assert "soft tier is left out" in capsys.readouterr().out


def test_a_scope_of_lists_pairs_within_a_rep_only(dated, data_of):
    data = ready(data_of(dated, preference=PreferenceSettings(pair_scope="group")))
    for batch in data.train_dataloader():
        pairs = batch["pairs"]
        assert len(pairs.winner)
        assert torch.equal(batch["group"][pairs.winner], batch["group"][pairs.loser])


def test_a_cap_keeps_the_same_pairs_of_the_same_rows_and_others_by_seed(dated, data_of):
    settings = PreferenceSettings(max_losers_per_winner=1, per_winner=True)

    def pairs(seed):
        data = ready(data_of(dated, preference=settings))
        loader = data.train_dataloader()
        paired = loader.dataset.rows
        paired.seed = seed
        return paired[data.positions("train")[:40]]["pairs"]

    first, again, other = pairs(0), pairs(0), pairs(1)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first.loser, other.loser)
    assert (first.weight == 1).all()
