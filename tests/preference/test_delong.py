"""DeLong's test against its own definition, pair by pair, and against the bootstrap."""

import math

import pytest
import torch

from leadrank.preference import paired_difference
from leadrank.preference.delong import delong


def scores(seed, rows, shift=1.0, noise=1.0):
    """Labels and two scores that share most of what they know."""
    g = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randn(rows, generator=g, dtype=torch.float64)  # noqa: E731
    label = (torch.rand(rows, generator=g) < 0.3).double()
    a = shift * label + draw()
    return label, a, a + noise * draw()


def placements(score, label):
    """DeLong's V10 [orders] and V01 [others], by every pair."""
    high, low = score[label == 1], score[label == 0]
    won = (high[:, None] > low).double() + (high[:, None] == low).double() / 2
    return won.mean(1), won.mean(0)


def test_the_error_is_that_of_the_definition():
    """Var = var(V10 of the difference) / orders + var(V01) / others, with ties."""
    label, a, b = scores(0, 40)
    a, b = (a * 3).round(), (b * 3).round()
    one = torch.ones(40)
    found = delong(a, b, label, one, torch.arange(40))
    (a10, a01), (b10, b01) = placements(a, label), placements(b, label)
    variance = (a10 - b10).var() / len(a10) + (a01 - b01).var() / len(a01)
    assert found.difference == pytest.approx(float(a10.mean() - b10.mean()))
    assert found.error == pytest.approx(float(variance.sqrt()))
    z = found.difference / found.error
    assert found.p == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))
    assert (found.low, found.high) == pytest.approx(
        (found.difference - 1.959964 * found.error, found.difference + 1.959964 * found.error)
    )


def test_it_agrees_with_the_bootstrap_over_leads_that_have_weights_and_several_rows():
    label, a, b = scores(1, 900)
    lead = torch.arange(900) // 3
    a = a + torch.randn(300, generator=torch.Generator().manual_seed(5)).double()[lead]
    weight = 1.0 + (torch.arange(900) % 4)
    exact = delong(a, b, label, weight, lead)
    drawn = paired_difference(a, b, label, weight, lead, draws=400)["auc"]
    assert exact.difference == pytest.approx(drawn.difference, abs=1e-12)
    width = drawn.high - drawn.low
    assert exact.high - exact.low == pytest.approx(width, rel=0.15)
    assert exact.low == pytest.approx(drawn.low, abs=0.1 * width)


def test_rows_repeated_within_leads_make_no_error_smaller():
    label, a, b = scores(2, 60)
    once = delong(a, b, label, torch.ones(60), torch.arange(60))
    twice = (x.repeat_interleave(2) for x in (a, b, label, torch.ones(60), torch.arange(60)))
    assert delong(*twice) == pytest.approx(once)


def test_seeds_are_averaged():
    label, a, b = scores(3, 80)
    one, lead = torch.ones(80), torch.arange(80)
    same = delong(torch.stack([a, a]), b, label, one, lead)
    assert same == pytest.approx(delong(a, b, label, one, lead))
    mixed = delong(torch.stack([a, b]), b, label, one, lead)
    assert mixed.difference == pytest.approx(same.difference / 2)
    assert mixed.error == pytest.approx(same.error / 2)


def test_equal_scores_do_not_differ_and_one_order_says_nothing():
    label, a, _ = scores(4, 30)
    found = delong(a, 2 * a, label, torch.ones(30), torch.arange(30))
    assert (found.difference, found.error, found.p) == (0, 0, 1)
    one = (torch.arange(30) == 0).double()
    assert math.isnan(delong(a, -a, one, torch.ones(30), torch.arange(30)).error)


def test_under_no_difference_one_in_twenty_is_found():
    """Of 300 tests 15, give or take three standard errors (3.8)."""
    found = 0
    for seed in range(300):
        g = torch.Generator().manual_seed(seed)
        label = (torch.arange(80) % 3 == 0).double()
        a, b = (label + torch.randn(80, generator=g, dtype=torch.float64) for _ in range(2))
        found += delong(a, b, label, torch.ones(80), torch.arange(80)).p < 0.05
    assert 4 <= found <= 27
