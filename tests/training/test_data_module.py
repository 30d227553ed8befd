"""From a CRM file to batches: pairs of the batch itself, and immature rows nowhere."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from leadrank.errors import UserError
from leadrank.preference import preference_pairs
from leadrank.training.probes import fit_on_train

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def scattered(small_crm):
    """A random split, and every lead after 28 September without full follow-up.

    Young leads have 999 visits and a channel of their own, so that any use of them shows.
    """
    small_crm.change(
        split={"kind": "random", "test": 0.25, "validation": 0.25}, extract="2024-10-28"
    )
    rows = small_crm.rows()
    for row in rows:
        if row["enquired_at"] > "2024-09-28":
            row |= {"visits": "999", "channel": "new"}
    small_crm.write(rows)
    return small_crm


def ready(data):
    data.setup("fit")
    return data


def test_the_pairs_of_a_batch_are_those_of_its_own_rows(small_crm, data_of):
    data = ready(data_of(small_crm))
    tiers = data.preference.resolve(data.funnel)
    seen = 0
    for batch in data.train_dataloader():
        keys = ("stage", "stage_known", "lost", "mature", "lead")
        expected = preference_pairs(*(batch[key] for key in keys), tiers=tiers)
        assert all(map(torch.equal, batch["pairs"], expected))
        # The first tier is orders over the others.
        first = batch["pairs"].tier == 0
        assert (batch["label"][batch["pairs"].winner[first]] == 1).all()
        assert (batch["label"][batch["pairs"].loser[first]] == 0).all()
        seen += int(first.sum())
    assert seen > 0


def test_a_batch_is_its_rows_of_the_table(small_crm, data_of):
    data = ready(data_of(small_crm))
    batch = next(iter(data.train_dataloader()))
    rows = data.table.rows[batch["row_id"].tolist()]  # no row was quarantined
    assert batch["label"].tolist() == rows["label"].to_list()
    assert batch["stage"].tolist() == rows["stage"].to_list()
    assert set(rows["part"]) == {"train"}
    for ids, mask, position in zip(
        batch["input_ids"], batch["attention_mask"], batch["row_id"], strict=True
    ):
        assert ids[mask == 1].tolist() == data.tokens[int(position)].tolist()


def test_immature_rows_are_nowhere(scattered, data_of):
    data = ready(data_of(scattered))
    table = data.table.rows
    immature = set(table.filter(~table["mature"])["row_id"])
    parts = table.filter(~table["mature"])["part"].value_counts()
    assert {"train", "validation"} <= set(parts["part"])
    assert len(data.used_positions()) == int(table["mature"].sum())
    loaders = (data.train_dataloader(), data.val_dataloader())
    read = {int(row) for loader in loaders for batch in loader for row in batch["row_id"]}
    assert read
    assert not read & immature
    assert data.field_features.numeric[0].edges[-1] < 999
    assert "new" not in data.field_features.categorical[0].levels


def test_rates_are_those_of_the_plan_and_1_where_nothing_is_drawn(small_crm, data_of):
    data = ready(data_of(small_crm))
    train, rate = data.positions("train"), data.rows.rate.numpy()
    label = data.rows.label.numpy()
    others = train[label[train] == 0]
    orders = len(train) - len(others)
    # One non-order per order, orders once.
    assert rate[others] == pytest.approx(orders / len(others))
    assert (np.delete(rate, others) == 1).all()


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_each_validation_row_is_scored_once_over_all_ranks(
    small_crm, data_of, monkeypatch, world_size
):
    data = ready(data_of(small_crm, scoring_tokens=100))
    found = validated(data, monkeypatch, world_size)
    table = data.table.rows
    assert sorted(found) == table.filter(part="validation")["row_id"].to_list()


def validated(data, monkeypatch, world_size):
    """Row ids that all ranks score."""
    ranks = [validated_by(data, monkeypatch, world_size, rank) for rank in range(world_size)]
    return [row for rows in ranks for row in rows]


def validated_by(data, monkeypatch, world_size, rank):
    """Row ids that one rank scores."""
    monkeypatch.setattr(type(data), "_rank", rank)
    monkeypatch.setattr(type(data), "_world_size", world_size)
    return [int(row) for batch in data.val_dataloader() for row in batch["row_id"]]


def test_the_released_code_scores_the_first_rows_twice_to_even_out_its_devices(
    small_crm, data_of, monkeypatch
):
    """29 rows on 3 devices: ten each, so one comes again; on one device none does."""
    data = ready(data_of(small_crm, scoring_tokens=100, count_repeats=True))
    rows = data.table.rows.filter(part="validation")["row_id"].to_list()
    assert len(rows) == 29
    assert sorted(validated(data, monkeypatch, 3)) == sorted([*rows, rows[0]])
    each = [len(validated_by(data, monkeypatch, 3, rank)) for rank in range(3)]
    assert each == [10, 10, 10]
    assert sorted(validated(data, monkeypatch, 1)) == rows


def test_the_probe_sees_the_mature_training_rows_only(scattered, data_of):
    data = ready(data_of(scattered))
    text = np.random.default_rng(0).normal(size=(len(data.rows), 5)).astype(np.float32)
    fields = data.rows.fields.numpy()
    before = fit_on_train(data, text, fields, csr_matrix((len(text), 0)))
    others = np.setdiff1d(np.arange(len(data.rows)), data.positions("train"))
    text[others] = 1e6
    fields[others] = -1e6
    data.rows.label[others] = 1 - data.rows.label[others]
    data.rows.weight[others] = 1e6
    after = fit_on_train(data, text, fields, csr_matrix((len(text), 0)))
    np.testing.assert_array_equal(before.weight, after.weight)
    assert before.penalties == after.penalties


def test_a_part_without_orders_is_refused_by_name(small_crm, data_of):
    rows = small_crm.rows()
    small_crm.write([row | {"ordered": "0"} if i >= 168 else row for i, row in enumerate(rows)])
    with pytest.raises(UserError, match="of the test part reached the final stage 'order'"):
        data_of(small_crm).setup("fit")
