import pytest
import torch
from sklearn.metrics import brier_score_loss
from slow_metrics import vector

from leadrank.preference.probability_metrics import brier, ece


def test_brier_equals_sklearn_with_weights():
    g = torch.Generator().manual_seed(0)
    for _ in range(100):
        probability, weight = torch.rand(2, 30, generator=g, dtype=torch.float64)
        label = (torch.rand(30, generator=g) < probability).double()
        expected = brier_score_loss(label, probability, sample_weight=weight)
        assert brier(probability, label, weight).item() == pytest.approx(expected, abs=1e-12)


def test_ece_of_bins_of_two_whole_rows():
    # 30 rows, 15 bins: sorted, two by two.
    g = torch.Generator().manual_seed(1)
    probability = torch.rand(30, generator=g, dtype=torch.float64)
    label = (torch.rand(30, generator=g) < 0.5).double()
    order = probability.argsort()
    gap = (label - probability)[order].view(15, 2).mean(1).abs().mean().item()
    assert ece(probability, label, torch.ones_like(label)).item() == pytest.approx(
        gap, abs=1e-12
    )


def test_ece_shares_a_row_between_bins():
    # 20 rows, 15 bins: each bin holds 4/3 rows; as 15 copies of each row, 20 copies to a bin.
    g = torch.Generator().manual_seed(2)
    probability = torch.rand(20, generator=g, dtype=torch.float64)
    label = (torch.rand(20, generator=g) < 0.5).double()
    order = probability.argsort()
    copies = (label - probability)[order].repeat_interleave(15)
    gap = copies.view(15, 20).mean(1).abs().mean().item()
    assert ece(probability, label, torch.ones_like(label)).item() == pytest.approx(
        gap, abs=1e-12
    )


def test_ece_of_ties_is_the_gap_of_their_mean():
    # One probability for all: every bin has the table's rate, whatever the rows' order.
    label = vector(1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
    found = ece(torch.full_like(label, 0.2), label, torch.ones_like(label))
    assert found.item() == pytest.approx(0.3 - 0.2, abs=1e-12)


def test_ece_with_one_bin_is_calibration_in_the_large():
    probability, label, weight = vector(0.1, 0.4, 0.9), vector(0, 1, 1), vector(1, 2, 3)
    expected = abs(5 / 6 - (0.1 + 0.8 + 2.7) / 6)
    found = ece(probability, label, weight, bins=1)
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_without_weight_both_are_undefined():
    p = vector(0.5)
    assert ece(p, vector(1), vector(0)).isnan()
    assert brier(p, vector(1), vector(0)).isnan()
