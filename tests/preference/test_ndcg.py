import math

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score
from slow_metrics import random_table, slow_ndcg, vector

from leadrank.preference.ndcg import TABLED_RANKS, _discount_before, ndcg


def test_equals_sklearn_with_ties_and_graded_gains():
    for seed in range(200):
        table = random_table(seed, rows=40, ties=seed % 2 == 0)
        gain = 2.0 ** table["stage"].double() - 1
        found = ndcg(table["score"], gain, torch.ones_like(gain))
        expected = ndcg_score(gain[None], table["score"][None])
        assert found.item() == pytest.approx(expected, abs=1e-12), seed


def test_gains_that_are_all_different_are_sorted_instead():
    # Forty gains: more than are taken one by one.
    random = np.random.default_rng(0)
    score, gain = (torch.from_numpy(random.random(40)) for _ in range(2))
    expected = ndcg_score(gain[None], score[None])
    assert ndcg(score, gain, torch.ones(40).double()).item() == pytest.approx(expected)
    # In two lists: the mean of the two.
    group = torch.arange(40) % 2
    each = [ndcg_score(gain[group == k][None], score[group == k][None]) for k in (0, 1)]
    found = ndcg(score, gain, torch.ones(40).double(), group=group)
    assert found.item() == pytest.approx(sum(each) / 2)


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


SEAM = TABLED_RANKS


def test_beyond_the_table_the_discounts_are_those_of_a_longer_table():
    # Whole and begun ranks on both sides of the seam, and as far as a test has memory for.
    rank = vector(SEAM - 1, SEAM - 0.5, SEAM, SEAM + 0.25, SEAM + 1, SEAM + 2.5, 2 * SEAM)
    discount = 1 / np.log2(np.arange(2, 2 * SEAM + 3, dtype=np.longdouble))
    before = np.concatenate([[0], discount.cumsum()])
    whole = rank.long().numpy()
    expected = before[whole] + (rank.numpy() - whole) * discount[whole]
    found = _discount_before(rank).numpy()
    assert found == pytest.approx(expected.astype(float), rel=1e-11)
    # One rank across the seam is worth that rank's discount, 0.05.
    step = _discount_before(vector(SEAM + 1)) - _discount_before(vector(SEAM))
    assert step.item() == pytest.approx(1 / math.log2(SEAM + 2), rel=1e-7)


def test_small_ranks_beside_huge_ones_are_still_exact():
    found = _discount_before(vector(0, 1, 2.5, 1e12))
    expected = [0, 1, 1 + 1 / math.log2(3) + 0.5 / math.log2(4)]
    assert found[:3].tolist() == pytest.approx(expected, abs=1e-14)


def test_weights_of_a_million_need_no_memory_for_each_rank():
    # Rows of weight 1e6: 1e10 ranks, a table of 80 GB. The orders are the even ranks.
    table = random_table(0, rows=10_000, ties=False)
    gain, weight = table["label"], torch.full((10_000,), 1e6, dtype=torch.float64)
    found = ndcg(table["score"], gain, weight)
    # A block of weight w from rank a on is worth the integral of ln 2 / ln x, here by Gauss.
    node, share = np.polynomial.legendre.leggauss(40)
    rank = np.arange(10_000)[:, None] * 1e6 + 1.5 + (node + 1) / 2 * 1e6
    worth = (np.log(2) / np.log(rank)) @ share / 2
    placed = gain[table["score"].argsort(descending=True)].numpy()
    expected = (placed * worth).sum() / worth[: int(placed.sum())].sum()
    assert found.item() == pytest.approx(expected, rel=1e-5)
