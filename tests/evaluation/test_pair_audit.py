"""Which pairs one column tells, and two rows beside each other."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

from leadrank.evaluation.pair_audit import numeric_columns, shortcuts, side_by_side
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.preference import Pairs, Tier

TIERS = [Tier("first", (1,), (0,)), Tier("second", (2,), (0,)), Tier("none", (2,), (1,))]


def _pairs(*rows: tuple[int, int, int, float]) -> Pairs:
    winner, loser, tier, weight = zip(*rows, strict=True)
    margin = torch.zeros(len(rows))
    sides = (torch.tensor(side) for side in (winner, loser, tier))
    return Pairs(*sides, margin, torch.tensor(weight))


def test_told_is_the_weighted_share_of_the_better_direction():
    value = np.array([1.0, 2.0, 3.0, 3.0, np.nan])
    pairs = _pairs(
        (1, 0, 0, 1.0),  # higher wins
        (0, 2, 0, 2.0),  # lower wins
        (3, 2, 0, 1.0),  # tie: one half
        (4, 0, 0, 9.0),  # missing: not counted
        (2, 0, 1, 1.0),  # the other tier
        (0, 2, 1, 0.0),  # weighs nothing: not counted
    )
    table = shortcuts({"x": value}, pairs, TIERS)
    # first: (1 + 0 * 2 + 0.5) / 4 = 0.375, so the lower value tells 0.625; second: 1 of 1.
    assert table.rows() == [("second", "x", 1.0, True, 1), ("first", "x", 0.625, False, 3)]


def test_without_a_pair_there_is_nothing_to_tell():
    table = shortcuts({"x": np.full(2, np.nan)}, _pairs((0, 1, 0, 1.0)), TIERS)
    assert table.is_empty()
    assert table.columns == ["tier", "column", "told", "higher_wins", "pairs"]


def test_a_planted_shortcut_is_found_and_noise_is_not():
    draw = np.random.default_rng(0)
    stage = draw.integers(0, 2, 200)
    columns = {"noise": draw.normal(size=200), "stage": stage + 0.1 * draw.random(200)}
    winner, loser = np.meshgrid(np.flatnonzero(stage == 1), np.flatnonzero(stage == 0))
    pairs = _pairs(*zip(winner.ravel(), loser.ravel(), np.zeros(winner.size, int),
                        np.ones(winner.size), strict=True))  # fmt: skip
    told = {row["column"]: row["told"] for row in shortcuts(columns, pairs, TIERS).to_dicts()}
    assert told["stage"] == 1.0
    assert told["noise"] < 0.6


@pytest.fixture
def table(small_crm):
    return read_lead_table(load_crm_file(small_crm.crm), small_crm.root)


def test_numeric_columns_are_the_inputs(table):
    (name,) = numeric_columns(table)
    assert name == "visits"
    assert numeric_columns(table)[name].tolist() == table.rows["visits"].to_list()


def test_missing_numbers_are_nan():
    fields = SimpleNamespace(numeric=[SimpleNamespace(column="a")])
    table = SimpleNamespace(
        crm=SimpleNamespace(fields=fields), rows=pl.DataFrame({"a": [1.0, None]})
    )
    np.testing.assert_array_equal(numeric_columns(table)["a"], [1.0, np.nan])


def test_two_rows_stand_side_by_side(table):
    text = side_by_side(table, 0, 1, width=60)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 60
    left = [line.partition("|")[0].strip() for line in lines]
    right = [line.partition("|")[2].strip() for line in lines]
    for side, position in ((left, 0), (right, 1)):
        row = table.rows.row(position, named=True)
        assert side[0] == f"lead {row['lead_id']} at {row['snapshot']:%Y-%m-%d}"
        reached = table.crm.stage_names[row["stage"]]
        assert side[1] == f"reached: {reached}"
        assert f"where the lead came from: {row['channel']}" in " ".join(side)
        assert row["text"][0]["text"] in " ".join(" ".join(side).split())
