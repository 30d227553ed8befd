"""Batches of rows: masks, padding, and scoring batches that hold each row once."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leadrank.model.rows import codes, pad, scoring_batches

lengths = st.lists(st.integers(1, 200), min_size=1, max_size=80).map(np.array)


@given(length=lengths, max_tokens=st.integers(1, 600), world_size=st.integers(1, 4))
def test_each_row_is_in_one_batch_of_one_rank(length, max_tokens, world_size):
    found = [
        scoring_batches(length, max_tokens=max_tokens, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    rows = np.concatenate([rows for batches in found for rows in batches])
    assert sorted(rows) == list(range(len(length)))


@given(length=lengths, max_tokens=st.integers(1, 600))
def test_a_batch_with_its_padding_keeps_the_bound_or_is_one_row(length, max_tokens):
    for rows in scoring_batches(length, max_tokens=max_tokens):
        assert len(rows) == 1 or len(rows) * length[rows].max() <= max_tokens


@given(length=lengths)
def test_the_longest_comes_first(length):
    rows = np.concatenate(scoring_batches(length, max_tokens=300))
    assert np.all(np.diff(length[rows]) <= 0)


def test_batches_are_as_full_as_the_bound_allows():
    """100 rows of 10 tokens at 100 tokens a batch are 10 batches."""
    assert [len(b) for b in scoring_batches(np.full(100, 10), max_tokens=100)] == [10] * 10


def test_no_rows_are_no_batches():
    assert scoring_batches(np.array([], np.int64), max_tokens=10) == []


def test_padding_is_on_the_right_with_mask_0():
    ids, mask = pad([np.array([5, 6]), np.array([7])])
    assert ids.tolist() == [[5, 6], [7, 0]]
    assert mask.tolist() == [[1, 1], [1, 0]]
    assert ids.dtype == mask.dtype == torch.int64


@pytest.mark.parametrize(
    "values", [["b", None, "a", "b", None], [3, None, 1, 3, None], ["", None, "x", "", None]]
)
def test_equal_values_share_a_code_and_null_has_its_own(values):
    found = codes(pl.Series("lead", values)).tolist()
    assert found[0] == found[3]
    assert found[1] == found[4]
    assert len(set(found)) == 3
