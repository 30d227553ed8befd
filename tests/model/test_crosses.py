"""Which products of fields are kept, against a slow count."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from leadrank.model import crosses as crosses_module
from leadrank.model.crosses import choose_crosses, crossed


def slow(features, field):
    """Every two columns of different fields whose products sum to ten rows or more."""
    width = features.shape[1]
    return [
        (i, j)
        for i in range(width)
        for j in range(i + 1, width)
        if field[i] != field[j] and (features[:, i] * features[:, j]).sum() >= 10
    ]


@given(st.integers(0, 10_000), st.integers(0, 6), st.integers(0, 60))
def test_every_product_that_enough_rows_hold_is_kept(seed, width, rows):
    chance = np.random.default_rng(seed)
    features = chance.integers(0, 2, (rows, width)).astype(np.float32)
    field = np.sort(chance.integers(0, 3, width))
    found = choose_crosses(features, field)
    assert [tuple(pair) for pair in found] == slow(features, field)


def test_of_too_many_the_commonest_are_kept(monkeypatch):
    """Held together by 30, 20 and 12 rows; room for two."""
    monkeypatch.setattr(crosses_module, "MOST_CROSSES", 2)
    features = np.zeros((62, 3), np.float32)
    features[:30, [0, 1]] = 1
    features[30:50, [0, 2]] = 1
    features[50:, [1, 2]] = 1
    assert choose_crosses(features, np.arange(3)).tolist() == [[0, 1], [0, 2]]


def test_a_large_table_keeps_fewer(monkeypatch):
    monkeypatch.setattr(crosses_module, "MOST_VALUES", 40)
    features = np.ones((20, 3), np.float32)
    assert len(choose_crosses(features, np.arange(3))) == 2


def test_arrays_and_tensors_give_the_same_products():
    fields = np.array([[1.0, 0.5, 0.25], [0.0, 1.0, 0.5]], np.float32)
    pairs = np.array([[0, 1], [1, 2]])
    expected = [[0.5, 0.125], [0.0, 0.5]]
    np.testing.assert_array_equal(crossed(fields, pairs), expected)
    tensor = crossed(torch.from_numpy(fields), torch.from_numpy(pairs))
    np.testing.assert_array_equal(tensor.numpy(), expected)
