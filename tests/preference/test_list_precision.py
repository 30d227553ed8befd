"""Precision at K within lists."""

import pytest
import torch

from leadrank.preference.list_precision import list_precision


def given(score, label, weight, group, size):
    columns = (torch.tensor(c, dtype=torch.float64) for c in (score, label, weight))
    return list_precision(*columns, group=torch.tensor(group), size=size).item()


def test_lists_are_averaged():
    # List 0: best two are 1 and 0, so 1/2; list 1: best two are 1 and 1, so 1.
    label = [1, 0, 1, 1, 1, 0]
    score = [9, 8, 7, 3, 2, 1]
    assert given(score, label, [1] * 6, [0, 0, 0, 1, 1, 1], 2) == pytest.approx((0.5 + 1) / 2)


def test_a_tie_counts_by_expectation():
    # One of three equal rows is positive: the best one is it with a chance of 1/3.
    assert given([5, 5, 5], [0, 1, 0], [1] * 3, [0] * 3, 1) == pytest.approx(1 / 3)


def test_a_short_list_is_taken_whole():
    # One row of list 0, a hit: 1/1; none of the two of list 1 is one.
    assert given([2, 1, 1.5], [1, 0, 0], [1] * 3, [0, 1, 1], 5) == pytest.approx((1 + 0) / 2)


def test_weights_are_multiplicities():
    # A miss of weight 1 and a hit of weight 3: the best two are the miss and one hit.
    assert given([2, 1], [0, 1], [1, 3], [0, 0], 2) == pytest.approx(1 / 2)


def test_a_list_without_weight_does_not_count():
    assert given([2, 1], [0, 1], [0, 1], [0, 1], 1) == pytest.approx(1.0)
