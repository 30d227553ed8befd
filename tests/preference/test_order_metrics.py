import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from slow_metrics import random_table, slow_pair_share, slow_top_hits, vector

from leadrank.preference.order_metrics import (
    auc,
    average_precision,
    pair_accuracy,
    top_hits,
    top_size,
)


def same(value, expected):
    return value.item() == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_auc_and_average_precision_equal_sklearn_with_weights_and_ties():
    for seed in range(200):
        table = random_table(seed, rows=60, ties=seed % 2 == 0)
        score, label = table["score"], table["label"]
        weight = table["weight"] * 0.37 + (seed % 3 == 0) * 0.1
        expected = roc_auc_score(label, score, sample_weight=weight)
        assert same(auc(score, label, weight), expected), seed
        expected = average_precision_score(label, score, sample_weight=weight)
        assert same(average_precision(score, label, weight), expected), seed


def test_auc_by_hand():
    # Orders at 3 and 1, the rest at 2 and 1: 3 beats both, 1 loses one and ties one.
    score, label = vector(3, 1, 2, 1), vector(1, 1, 0, 0)
    assert same(auc(score, label, torch.ones_like(score)), (1 + 1 + 0 + 0.5) / 4)


def test_list_auc_counts_pairs_within_lists_only():
    for seed in range(200):
        table = random_table(seed, rows=12)
        expected = slow_pair_share(
            *(table[key].tolist() for key in ("score", "label", "weight")),
            group=table["group"].tolist(),
        )
        found = auc(table["score"], table["label"], table["weight"], group=table["group"])
        assert same(found, expected), seed


def test_pair_accuracy_equals_the_slow_definition():
    for seed in range(200):
        table = random_table(seed, rows=12)
        expected = slow_pair_share(
            *(table[key].tolist() for key in ("score", "stage", "weight")),
            known=table["stage_known"].tolist(),
        )
        found = pair_accuracy(
            table["score"], table["stage"], table["weight"], stage_known=table["stage_known"]
        )
        assert same(found, expected), seed


def test_top_of_the_list_by_expectation_over_the_orders_of_ties():
    for seed in range(60):
        table = random_table(seed, rows=7)
        score, label, one = table["score"], table["label"], torch.ones(7, dtype=torch.float64)
        for share in (0.05, 0.4, 0.5, 1.0):
            size = max(1, round(share * 7))
            expected = slow_top_hits(score.tolist(), label.tolist(), size)
            hits, seen = top_hits(score, label, one, shares=[share])
            assert same(hits, expected)
            assert same(seen, expected)


def test_the_last_row_of_the_top_counts_in_part():
    # W = 10, K = 5: the order of weight 4, then 1 of the 6 of the next row.
    score, label, weight = vector(2, 1), vector(1, 0), vector(4, 6)
    hits, seen = top_hits(score, label, weight, shares=[0.5, 0.2])
    assert hits.tolist() == [4, 2]
    # Of the rows themselves: the order, and half of it where K = 2 ends in its middle.
    assert seen.tolist() == [1, 0.5]


def test_top_holds_at_least_one_row_and_rounds_half_to_even():
    score, label = vector(*range(25)), vector(*([0] * 24), 1)
    one = torch.ones(25, dtype=torch.float64)
    assert top_size(one, shares=[0.001, 0.1]).tolist() == [1, 2]  # round(2.5) is 2
    assert top_hits(score, label, one, shares=[0.001, 0.1])[0].tolist() == [1, 1]


def test_undefined_is_nan():
    score, one = vector(1, 2), vector(1, 1)
    known = torch.tensor([True, False])
    assert auc(score, one, one).isnan()
    assert average_precision(score, 0 * one, one).isnan()
    assert auc(score, vector(0, 1), 0 * one).isnan()
    assert pair_accuracy(score, torch.tensor([0, 1]), one, stage_known=known).isnan()
