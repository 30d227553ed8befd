import math

import pytest
import torch
from slow_preference import TIERS, random_batch, slow_pairs, slow_preference
from torch.nn import functional

from leadrank.preference import (
    Pairs,
    Reduced,
    Tier,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
    tier_mean,
)


def as_pairs(pairs):
    return Pairs(*torch.tensor(pairs, dtype=torch.int64).reshape(-1, 3).T)


def preference(score, pairs, tiers=TIERS, **options):
    loss = hierarchical_preference_loss(score, as_pairs(pairs), tiers=tiers)
    return tier_mean(loss, tiers=tiers, **options)


def test_one_pair_by_hand():
    tier = (Tier("order", (1,), (0,), margin=0.5),)
    loss = preference(torch.tensor([2.0, 1.0]), [(0, 1, 0)], tier)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-(2 - 1 - 0.5))), abs=1e-6)


def test_value_and_gradient_equal_the_slow_definition():
    for seed in range(1000):
        rows = random_batch(seed)
        pairs = slow_pairs(rows, TIERS)
        score = rows["score"].requires_grad_()
        loss = preference(score, pairs)
        loss.backward()
        expected, grad = slow_preference(score.detach(), pairs, TIERS)
        assert loss.item() == pytest.approx(expected, abs=1e-6), seed
        assert score.grad.tolist() == pytest.approx(grad, abs=1e-6), seed


def test_gradcheck():
    rows = random_batch(3, rows=8)
    pairs = slow_pairs(rows, TIERS)
    assert pairs
    score = rows["score"].requires_grad_()
    assert torch.autograd.gradcheck(lambda s: preference(s, pairs), score)
    label, weight = (rows["stage"] == 3).double(), torch.rand(8, dtype=torch.float64)
    one = lambda s: pointwise_loss(s, label, weight, weight + 0.5).mean()  # noqa: E731
    assert torch.autograd.gradcheck(one, score)


def test_sums_and_counts_are_given_tier_by_tier():
    score = torch.zeros(3)
    loss = hierarchical_preference_loss(
        score, as_pairs([(0, 1, 0), (0, 2, 0), (1, 2, 2)]), tiers=TIERS
    )
    assert loss.count.tolist() == [2, 0, 1]
    expected = [2 * math.log(1 + math.exp(1)), 0, math.log(1 + math.exp(0.1))]
    assert loss.total.tolist() == pytest.approx(expected, abs=1e-6)


def test_an_empty_tier_adds_nothing_and_keeps_the_others_pull():
    # Weights 2, 1, .25; only `key` (margin .5) has a pair, at equal scores.
    one = math.log(1 + math.exp(0.5))
    assert preference(torch.zeros(2), [(0, 1, 1)]).item() == pytest.approx(one / 3.25)
    present = preference(torch.zeros(2), [(0, 1, 1)], over="present")
    assert present.item() == pytest.approx(one)


def test_no_pairs_is_zero_with_a_gradient():
    for tiers in (TIERS, ()):
        for over in ("all", "present"):
            score = torch.ones(3, requires_grad=True)
            loss = preference(score, [], tiers, over=over)
            loss.backward()
            assert loss.item() == 0
            assert score.grad.tolist() == [0, 0, 0]


def test_adding_reduced_losses_of_steps_is_the_loss_of_all_pairs():
    rows = random_batch(5, rows=12)
    pairs = slow_pairs(rows, TIERS)
    parts = [
        hierarchical_preference_loss(rows["score"], as_pairs(part), tiers=TIERS)
        for part in (pairs[::3], pairs[1::3], pairs[2::3])
    ]
    both = parts[0] + parts[1] + parts[2]
    expected = preference(rows["score"], pairs)
    assert tier_mean(both, tiers=TIERS).item() == pytest.approx(expected.item(), abs=1e-12)


def test_ddp_mean_from_counts_alone():
    # Two ranks with 3 and 1 rows; DDP averages what each differentiates.
    loss = [
        Reduced(torch.tensor(6.0), torch.tensor(3.0)),
        Reduced(torch.tensor(10.0), torch.tensor(1.0)),
    ]
    ranks = [Reduced(each.total, torch.tensor(4.0) / 2).mean() for each in loss]
    assert sum(ranks) / 2 == 16 / 4


def test_finite_for_huge_scores_and_bfloat16():
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        score = torch.tensor([-1e4, 1e4, 0.0], dtype=dtype, requires_grad=True)
        pairs = [(0, 1, 0), (1, 0, 1), (2, 0, 2)]
        label = torch.tensor([1.0, 0.0, 1.0])
        loss = joint_loss(
            pointwise_loss(score, label, torch.ones(3), torch.ones(3)),
            hierarchical_preference_loss(score, as_pairs(pairs), tiers=TIERS),
            tiers=TIERS,
        )
        loss.backward()
        assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert loss.isfinite()
        assert score.grad.isfinite().all()


def test_bfloat16_scores_are_subtracted_in_float32():
    # 256.5 needs ten bits: bfloat16 would round the margin away.
    tier = (Tier("order", (1,), (0,), margin=0.5),)
    score = torch.tensor([0.0, 256.0], dtype=torch.bfloat16)
    assert preference(score, [(0, 1, 0)], tier).item() == 256.5


def test_pointwise_equals_torch_with_weights_over_rates():
    for seed in range(1000):
        g = torch.Generator().manual_seed(seed)
        score = torch.randn(5, generator=g, dtype=torch.float64) * 3
        label = torch.randint(0, 2, (5,), generator=g).double()
        weight, rate = torch.rand(2, 5, generator=g, dtype=torch.float64) + 0.1
        loss = pointwise_loss(score, label, weight, rate)
        total = sum(
            w / r * math.log(1 + math.exp(-s if y else s))
            for s, y, w, r in zip(
                *(x.tolist() for x in (score, label, weight, rate)), strict=True
            )
        )
        assert loss.total.item() == pytest.approx(total, abs=1e-6)
        expected = functional.binary_cross_entropy_with_logits(
            score, label, weight / rate, reduction="sum"
        )
        assert loss.mean().item() == pytest.approx((expected / (weight / rate).sum()).item())


def test_pointwise_undoes_the_sampler():
    # The order is drawn 10 times an epoch at rate 10: the same mean as drawing each row once.
    score, label = torch.tensor([0.3, -1.0, -2.0]), torch.tensor([1.0, 0.0, 0.0])
    once = pointwise_loss(score, label, torch.ones(3), torch.ones(3)).mean()
    drawn = torch.tensor([0] * 10 + [1, 2])
    rate = torch.tensor([10.0, 1.0, 1.0])[drawn]
    again = pointwise_loss(score[drawn], label[drawn], torch.ones(12), rate).mean()
    assert again.item() == pytest.approx(once.item(), abs=1e-6)


def test_pointwise_of_rows_without_weight_is_zero():
    score = torch.ones(2, requires_grad=True)
    loss = pointwise_loss(score, torch.ones(2), torch.zeros(2), torch.ones(2)).mean()
    loss.backward()
    assert loss.item() == 0


def test_joint_loss_is_twice_the_pointwise_mean_plus_the_preference_mean():
    score, label = torch.tensor([0.5, -0.5]), torch.tensor([1.0, 0.0])
    tier = (Tier("order", (1,), (0,)),)
    loss = joint_loss(
        pointwise_loss(score, label, torch.ones(2), torch.ones(2)),
        hierarchical_preference_loss(score, as_pairs([(0, 1, 0)]), tiers=tier),
        tiers=tier,
    )
    expected = 2 * math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(-1))
    assert loss.item() == pytest.approx(expected, abs=1e-6)
