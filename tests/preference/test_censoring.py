"""Inverse probability of censoring weights: by hand, and against Kaplan-Meier."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leadrank.preference import censoring_weights


def weights(label, event, followed, **options):
    columns = (torch.tensor(x, dtype=torch.float64) for x in (label, event, followed))
    return censoring_weights(*columns, **{"horizon_days": 30, **options}).tolist()


def test_four_rows_by_hand():
    """Followed 10, 20, 40 and 40 days: G(5) = 1, G(20) = 3/4, G(30) = 2/4."""
    label, event = [1, 1, 0, 0], [5, 20, 0, 0]
    assert weights(label, event, [10, 20, 40, 40]) == [1, pytest.approx(4 / 3), 2, 2]


def test_a_row_followed_too_briefly_without_an_order_weighs_nothing():
    assert weights([0, 0], [0, 0], [29.9, 30.0]) == [0, 2]


def test_follow_up_for_all_is_weight_1_for_all():
    assert weights([1, 0, 1], [3, 0, 30], [30, 31, 99]) == [1, 1, 1]


def test_an_order_after_the_follow_up_or_the_horizon_is_none():
    """Day 12 of 10 was not seen; day 40 is no order within 30 days, so it counts as none."""
    assert weights([1, 1], [12, 40], [10, 60]) == [0, 2]


def test_the_clip_bounds_a_weight():
    followed = [1.0] * 99 + [60.0]
    assert weights([0] * 100, [0] * 100, followed, clip=0.05)[-1] == pytest.approx(20)
    assert weights([0] * 100, [0] * 100, followed, clip=0.001)[-1] == pytest.approx(100)


def test_a_row_counts_for_as_many_as_it_stands_for():
    """Row 1 stands for three: the same as three rows."""
    population = torch.tensor([3.0, 1.0], dtype=torch.float64)
    once = weights([0, 0], [0, 0], [10, 40], weight=population)
    assert once[-1] == weights([0] * 4, [0] * 4, [10, 10, 10, 40])[-1] == 4


days = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(days, st.integers(0, 2**31))
def test_the_share_followed_is_kaplan_meiers_just_before(followed, seed):
    """With every follow-up seen to its end the estimator is prod over days < t of 1 - d / n."""

    def kaplan_meier_before(t):
        survival = 1.0
        for day in sorted({d for d in followed if d < t}):
            survival *= 1 - followed.count(day) / sum(d >= day for d in followed)
        return survival

    g = torch.Generator().manual_seed(seed)
    event = [int(torch.randint(1, d + 1, (), generator=g)) for d in followed]
    found = weights([1.0] * len(event), event, followed, clip=1e-9, horizon_days=60)
    assert found == pytest.approx([1 / kaplan_meier_before(t) for t in event])


def test_weighted_rows_count_as_many_orders_as_full_follow_up_would():
    """200,000 rows; orders at a constant hazard, follow-up uniform over 5 to 60 days.

    P(order within 30 days) = 1 - exp(-30 / 40) = .528. Counting open rows as lost gives .43.
    """
    g = torch.Generator().manual_seed(0)
    event = torch.empty(200_000, dtype=torch.float64).exponential_(1 / 40, generator=g)
    followed = 5 + 55 * torch.rand(200_000, generator=g, dtype=torch.float64)
    label = ((event <= 30) & (event <= followed)).double()
    weight = censoring_weights(label, event, followed, horizon_days=30)
    truth = 1 - torch.exp(torch.tensor(-30 / 40)).item()
    assert (weight * label).sum() / weight.sum() == pytest.approx(truth, abs=0.005)
    assert weight.sum() / len(weight) == pytest.approx(1, abs=0.005)
    assert label.mean() < truth - 0.08
