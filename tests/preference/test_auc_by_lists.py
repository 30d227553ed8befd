"""Pairs within lists and between them, against one pair at a time."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leadrank.preference.auc_by_lists import auc_by_lists
from leadrank.preference.order_metrics import auc

ROW = st.tuples(
    st.integers(0, 4), st.booleans(), st.integers(0, 3), st.integers(0, 3), st.booleans()
)


def table(rows):
    score, label, weight, group, known = map(list, zip(*rows, strict=True))
    columns = (torch.tensor(column, dtype=torch.float64) for column in (score, label, weight))
    return (*columns, torch.tensor(group), torch.tensor(known))


def by_pairs(score, label, weight, group, known):
    """(won, pairs) of pairs within lists, and of all others, one pair at a time."""
    sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for i in range(len(score)):
        for j in range(len(score)):
            if label[i] == 1 and label[j] == 0:
                inside = bool(known[i] and known[j] and group[i] == group[j])
                mass = float(weight[i] * weight[j])
                tie = 0.5 * float(score[i] == score[j])
                sums[inside][0] += mass * (float(score[i] > score[j]) + tie)
                sums[inside][1] += mass
    return sums


@given(st.lists(ROW, min_size=2, max_size=9))
def test_the_auc_is_what_lies_within_lists_and_between_them(rows):
    score, label, weight, group, known = table(rows)
    sums = by_pairs(score, label, weight, group, known)
    found = auc_by_lists(score, label, weight, group=group, group_known=known)
    for value, (won, pairs) in ((found.within, sums[True]), (found.between, sums[False])):
        expected = won / pairs if pairs else math.nan
        assert float(value) == pytest.approx(expected, nan_ok=True)
    both = sums[True][1] + sums[False][1]
    if both:
        assert float(found.pairs_within) == pytest.approx(sums[True][1] / both)
        parts = (found.within, found.pairs_within), (found.between, 1 - found.pairs_within)
        whole = sum(float(a * share) for a, share in parts if share > 1e-9)
        assert whole == pytest.approx(float(auc(score, label, weight)))


def test_draws_are_measured_at_once():
    score, label, _, group, _ = table([(k % 5, k % 3 == 0, 1, k % 4, True) for k in range(40)])
    draws = torch.randint(0, 3, (3, 40), generator=torch.Generator().manual_seed(0)).double()
    many = auc_by_lists(score, label, draws, group=group)
    for k, draw in enumerate(draws):
        one = auc_by_lists(score, label, draw, group=group)
        assert [float(x[k]) for x in many] == pytest.approx([float(x) for x in one])
