import math

import pytest
import torch
from sklearn.metrics import ndcg_score
from slow_metrics import random_table, slow_ndcg

from leadrank.preference.ndcg import ndcg


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_equals_sklearn_with_ties_and_graded_gains():
    for seed in range(200):
        table = random_table(seed, rows=40, ties=seed % 2 == 0)
        gain = 2.0 ** table["stage"].double() - 1
        found = ndcg(table["score"], gain, torch.ones_like(gain))
        expected = ndcg_score(gain[None], table["score"][None])
        assert found.item() == pytest.approx(expected, abs=1e-12), seed


def test_ties_are_the_mean_over_their_orders():
    for seed in range(40):
        table = random_table(seed, rows=7)
        gain = table["stage"].double()
        found = ndcg(table["score"], gain, torch.ones_like(gain))
        expected = slow_ndcg(table["score"].tolist(), gain.tolist())
        assert found.item() == pytest.approx(expected, abs=1e-12), seed


def test_a_row_of_one_and_a_half_fills_half_of_the_next_rank():
    # The order of weight 1.5 lies behind a row of weight 1: ranks 2 and half of 3.
    found = ndcg(vector(1, 2), vector(1, 0), vector(1.5, 1))
    expected = (1 / math.log2(3) + 0.5 / math.log2(4)) / (1 / math.log2(2) + 0.5 / math.log2(3))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_lists_are_averaged_over_those_with_an_order():
    for seed in range(200):
        table = random_table(seed, rows=16)
        found = ndcg(
            table["score"], table["label"], torch.ones(16).double(), group=table["group"]
        )
        each = [
            slow_ndcg(table["score"][rows].tolist(), table["label"][rows].tolist())
            for rows in (table["group"] == code for code in range(4))
        ]
        each = [value for value in each if not math.isnan(value)]
        expected = sum(each) / len(each) if each else math.nan
        assert found.item() == pytest.approx(expected, abs=1e-12, nan_ok=True), seed


def test_no_gain_is_undefined():
    assert ndcg(vector(1, 2), vector(0, 0), vector(1, 1)).isnan()
