"""Rows list by list, best first: the matrix's order is that of two plain sorts."""

import numpy as np
import pytest
import torch

from leadrank.preference.rank_axis import rank_axis


@pytest.mark.parametrize("sizes", [(4, 4, 4), (1, 5, 2, 3), (40, 1, 1, 1), (3,)])
def test_the_order_is_by_list_then_by_score_and_ties_keep_their_places(sizes):
    # (40, 1, 1, 1) would leave a matrix of 4 x 40 places mostly empty: the other way to sort.
    random = np.random.default_rng(0)
    group = random.permutation(np.repeat(np.arange(len(sizes)) * 7, sizes))
    score = random.integers(0, 4, len(group)).astype(np.float64)
    score[0] = -np.inf
    axis = rank_axis(torch.from_numpy(score), torch.from_numpy(group))
    expected = np.lexsort((np.arange(len(group)), -score, group))
    order = np.arange(len(group)) if axis.order is None else axis.order.numpy()
    assert order.tolist() == expected.tolist()
    assert axis.edges[axis.lists].tolist() == [0, *np.cumsum(sizes).tolist()]


def test_no_rows_are_no_lists():
    nothing = torch.zeros(0, dtype=torch.float64)
    axis = rank_axis(nothing, nothing.long())
    assert axis.edges.tolist() == [0, 0]
