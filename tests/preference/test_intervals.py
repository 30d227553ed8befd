import math

import pytest
import torch
from slow_metrics import random_table

from leadrank.errors import UserError
from leadrank.preference import bootstrap_intervals, intervals, paired_difference
from leadrank.preference.intervals import lead_draws


def intervals_of(table, **options):
    columns = dict(table)
    rows = [columns.pop(key) for key in ("score", "label", "weight", "lead")]
    return bootstrap_intervals(*rows, **columns, **options)


def normal_scores(seed, rows, shift):
    g = torch.Generator().manual_seed(seed)
    label = (torch.arange(rows) % 3 == 0).double()
    return torch.randn(rows, generator=g, dtype=torch.float64) + shift * label, label


def test_every_figure_has_an_interval_but_list_ndcg():
    found = intervals_of(random_table(0, rows=50), draws=50)
    assert {"auc", "precision@1%", "ece", "list_auc", "ndcg_stage"} <= set(found)
    assert "list_ndcg" not in found
    assert all(low <= high for low, high in found.values())


def test_the_seed_decides_the_draws():
    table = random_table(0, rows=50)
    assert intervals_of(table, draws=50) == intervals_of(table, draws=50)
    assert intervals_of(table, draws=50) != intervals_of(table, draws=50, seed=1)


def test_chunks_change_the_memory_and_not_the_draws(monkeypatch):
    lead = torch.arange(50) // 2
    whole = list(lead_draws(lead, draws=20, seed=3))
    monkeypatch.setattr(intervals, "CHUNK", 150)
    parts = list(lead_draws(lead, draws=20, seed=3))
    assert (len(whole), len(parts)) == (1, 7)
    assert torch.equal(torch.cat(parts), torch.cat(whole))


def test_a_lead_is_drawn_with_all_its_rows_and_each_draw_has_as_many_leads():
    lead = torch.tensor([5, 9, 5, 7])
    times = torch.cat(list(lead_draws(lead, draws=200, seed=0)))
    assert torch.equal(times[:, 0], times[:, 2])
    assert (times[:, :2].sum(1) + times[:, 3]).unique().tolist() == [3]
    assert times[:, 1].mean().item() == pytest.approx(1, abs=4 * math.sqrt(2 / 3 / 200))


def test_rows_repeated_within_leads_make_no_interval_narrower():
    table = random_table(0, rows=160)
    twice = {key: value.repeat_interleave(2, dim=0) for key, value in table.items()}
    once, again = intervals_of(table, draws=100), intervals_of(twice, draws=100)
    for name in ("auc", "average_precision", "pair_accuracy"):
        assert again[name] == pytest.approx(once[name], abs=1e-12)


def test_rows_given_in_another_order_have_the_same_intervals():
    table = random_table(0, rows=60, ties=False)
    mixed = torch.randperm(60)
    found = intervals_of({key: value[mixed] for key, value in table.items()}, draws=100)
    expected = intervals_of(table, draws=100)
    assert found.keys() == expected.keys()
    for name, interval in expected.items():
        assert found[name] == pytest.approx(interval, abs=1e-12)


def test_the_interval_covers_the_true_auc_as_often_as_it_says():
    # Normal scores a shift of 1 apart: AUC = Phi(1 / sqrt(2)) = .7602.
    truth = 0.5 * (1 + math.erf(1 / 2))
    covered = 0
    for seed in range(150):
        score, label = normal_scores(seed, rows=120, shift=1.0)
        one = torch.ones_like(score)
        low, high = bootstrap_intervals(
            score, label, one, torch.arange(120), draws=200, seed=seed
        )["auc"]
        covered += low <= truth <= high
    # 95 % of 150, give or take three standard errors (2.7) and the percentile's own error.
    assert 130 <= covered <= 149


def test_undefined_draws_are_left_out_and_never_defined_is_nan():
    """Where one lead alone went further, a draw without it has no pair of stages."""
    score, label = normal_scores(0, rows=60, shift=1.0)
    one, lead = torch.ones_like(score), torch.arange(60)
    for stage, known in ((lead == 0, True), (lead < 0, False)):
        stages = {"stage": stage.long(), "stage_known": one.bool()}
        found = bootstrap_intervals(score, label, one, lead, draws=20, **stages)
        assert all(math.isnan(x) != known for x in found["pair_accuracy"])


def test_three_orders_would_tell_equals_apart_and_twenty_hardly_do(monkeypatch):
    """What FEWEST is for; docs/method.md has the other numbers of orders."""
    monkeypatch.setattr(intervals, "FEWEST", 1)
    told = {orders: share_told_apart(orders, tests=60) for orders in (3, 20)}
    # 22 % and 6 % of 200; three standard errors of 60 tests are 16 and 9 points.
    assert told[3] > 0.1
    assert told[20] < 0.16


def share_told_apart(orders, *, tests):
    """Of two scores that know the truth equally well, how often one seems the better."""
    g = torch.Generator().manual_seed(1)
    label, one, lead = (torch.arange(400) < orders).long(), torch.ones(400), torch.arange(400)
    told = 0
    for seed in range(tests):
        truth = torch.randn(400, generator=g) + label
        scores = (truth + torch.randn(400, generator=g) for _ in range(2))
        gap = paired_difference(*scores, label, one, lead, draws=200, seed=seed)["auc"]
        told += gap.low > 0 or gap.high < 0
    return told / tests


@pytest.mark.parametrize(("orders", "known"), [(9, False), (10, True), (50, True), (51, False)])
def test_nine_leads_of_an_outcome_give_no_interval(orders, known):
    """Each lead has two rows: eighteen rows of nine leads are still nine."""
    lead = torch.arange(60).repeat_interleave(2)
    label, score = (lead < orders).double(), torch.randn(120).double()
    one = torch.ones_like(score)
    low, high = bootstrap_intervals(score, label, one, lead, draws=20)["auc"]
    gap = paired_difference(score, -score, label, one, lead, draws=20)["auc"]
    assert not math.isnan(gap.difference)
    for bound in (low, high, gap.low, gap.high):
        assert math.isnan(bound) != known


def test_no_rows_is_a_clear_error():
    none = torch.zeros(0)
    with pytest.raises(UserError, match="no rows"):
        bootstrap_intervals(none, none, none, none.long())


def test_a_score_does_not_differ_from_itself():
    score, label = normal_scores(0, rows=90, shift=1.0)
    one, lead = torch.ones_like(score), torch.arange(90)
    found = paired_difference(score, score * 2 + 1, label, one, lead, draws=50)
    assert set(found) == {"auc", "average_precision"}
    assert set(found.values()) == {(0.0, 0.0, 0.0)}


def test_paired_draws_see_a_difference_that_separate_intervals_do_not():
    base, label = normal_scores(0, rows=600, shift=1.0)
    noise, _ = normal_scores(1, rows=600, shift=0.0)
    worse, one, lead = base + 0.6 * noise, torch.ones_like(base), torch.arange(600)
    best, second = (
        bootstrap_intervals(s, label, one, lead, draws=200)["auc"] for s in (base, worse)
    )
    assert best[0] < second[1]
    found = paired_difference(base, worse, label, one, lead, draws=200)["auc"]
    assert 0 < found.low < found.difference < found.high


def test_swapping_the_scores_swaps_the_signs():
    a, label = normal_scores(0, rows=90, shift=1.0)
    b, _ = normal_scores(1, rows=90, shift=0.0)
    one, lead = torch.ones_like(a), torch.arange(90)
    there = paired_difference(a, b, label, one, lead, draws=101)["auc"]
    back = paired_difference(b, a, label, one, lead, draws=101)["auc"]
    assert there == pytest.approx((-back.difference, -back.high, -back.low), abs=1e-12)
