"""Pair and joint losses: by hand, against slow references, and at the edges of floats."""

import math

import pytest
import torch
from slow_preference import TIERS, random_batch, slow_pairs, slow_preference
from torch.nn import functional

from leadrank.preference import (
    Pairs,
    Reduced,
    Tier,
    bradley_terry,
    hierarchical_preference_loss,
    hinge,
    joint_loss,
    pointwise_loss,
    smoothed_bradley_terry,
    tier_mean,
    top_weight,
)

LOSSES = ("bradley_terry", "hinge", "smoothed_bradley_terry", "top_weighted")


def as_pairs(pairs, tiers=TIERS):
    """(winner, loser, tier), with the tier's margin and weight 1 unless these are given."""
    full = [pair if len(pair) == 5 else (*pair, tiers[pair[2]].margin, 1.0) for pair in pairs]
    columns = list(zip(*full, strict=True)) or [()] * 5
    kinds = [torch.int64] * 3 + [torch.float64] * 2
    return Pairs(*(torch.tensor(c, dtype=k) for c, k in zip(columns, kinds, strict=True)))


def preference(score, pairs, tiers=TIERS, over="all", **options):
    loss = hierarchical_preference_loss(score, as_pairs(pairs, tiers), tiers=tiers, **options)
    return tier_mean(loss, tiers=tiers, over=over)


def test_one_pair_by_hand():
    tier = (Tier("order", (1,), (0,), margin=0.5),)
    loss = preference(torch.tensor([2.0, 1.0]), [(0, 1, 0)], tier)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-(2 - 1 - 0.5))), abs=1e-6)


# The family


def test_the_family_by_hand():
    """Difference 2 - 1, margin 0.4, so z = 0.6."""
    difference, margin = torch.tensor([1.0]), torch.tensor([0.4])
    right, wrong = math.log(1 + math.exp(-0.6)), math.log(1 + math.exp(0.6))
    assert bradley_terry(difference, margin).item() == pytest.approx(right)
    assert hinge(difference, margin).item() == 0
    assert hinge(-difference, margin).item() == pytest.approx(1.4)
    smoothed = smoothed_bradley_terry(difference, margin, 0.1)
    assert smoothed.item() == pytest.approx(0.9 * right + 0.1 * wrong)


def test_bradley_terry_is_trls_margin_loss():
    """`-logsigmoid(chosen - rejected - margin).mean()`: TRL 0.2x, `RewardTrainer.compute_loss`.

    TRL itself is no dependency, so its formula stands here.
    """
    g = torch.Generator().manual_seed(0)
    chosen, rejected, margin = torch.randn(3, 64, generator=g)
    trl = -functional.logsigmoid(chosen - rejected - margin).mean()
    torch.testing.assert_close(bradley_terry(chosen - rejected, margin).mean(), trl)


def test_smoothing_has_its_minimum_at_the_odds_of_being_right():
    z = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    best = z[smoothed_bradley_terry(z, torch.zeros_like(z), 0.1).argmin()]
    assert best.item() == pytest.approx(math.log(0.9 / 0.1), abs=1e-3)
    same = smoothed_bradley_terry(z, torch.zeros_like(z), 0.0)
    torch.testing.assert_close(same, bradley_terry(z, torch.zeros_like(z)))


def test_top_weights_by_hand():
    """Ranks 1, 2, 3 have discounts 1, 1 / log2(3), 1 / 2; gains 3, 0, 1."""
    score, gain = torch.tensor([0.5, 2.0, -1.0]), torch.tensor([3.0, 0.0, 1.0])
    found = top_weight(score, gain, torch.tensor([0, 2, 0]), torch.tensor([1, 1, 2]))
    second = 1 / math.log2(3)
    expected = [3 * (1 - second), 1 * (1 - 0.5), 2 * (second - 0.5)]
    assert found.tolist() == pytest.approx(expected)


def test_tied_rows_are_neighbours_so_that_they_can_part():
    """Both at ranks 1 and 2: the winner counts as the lower one."""
    score = torch.zeros(2, requires_grad=True)
    weight = top_weight(score, torch.tensor([1.0, 0.0]), torch.tensor([0]), torch.tensor([1]))
    assert weight.item() == pytest.approx(1 - 1 / math.log2(3))
    assert not weight.requires_grad


def test_top_weighted_pulls_hardest_where_the_list_is_decided():
    """Two orders, ranks 3 and 9 of 10, each against the row above: the one nearer the top."""
    score = torch.arange(10.0, 0.0, -1.0)
    gain = torch.zeros(10).index_fill(0, torch.tensor([2, 8]), 1.0)
    near, far = top_weight(score, gain, torch.tensor([2, 8]), torch.tensor([1, 7]))
    assert near > 5 * far


def test_top_weighted_asks_for_gains():
    with pytest.raises(ValueError, match="needs gain"):
        preference(torch.zeros(2), [(0, 1, 0)], loss="top_weighted")


@pytest.mark.parametrize("over", ["all", "present"])
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient_equal_the_slow_definition(loss, over):
    for seed in range(200):
        rows = random_batch(seed)
        pairs = slow_pairs(rows, TIERS, scope="both", group_weight=2.0)
        score = rows["score"].requires_grad_()
        gain = torch.exp2(rows["stage"].double()) - 1
        found = preference(score, pairs, loss=loss, over=over, gain=gain)
        found.backward()
        expected, grad = slow_preference(
            score.detach(), pairs, TIERS, loss=loss, over=over, gain=gain
        )
        assert found.item() == pytest.approx(expected, rel=1e-6, abs=1e-12), seed
        assert score.grad.tolist() == pytest.approx(grad, rel=1e-6, abs=1e-12), seed


@pytest.mark.parametrize("loss", ["bradley_terry", "smoothed_bradley_terry", "hinge"])
def test_gradcheck(loss):
    rows = random_batch(3, rows=8)
    pairs = slow_pairs(rows, TIERS)
    assert pairs
    score = rows["score"].requires_grad_()
    assert torch.autograd.gradcheck(lambda s: preference(s, pairs, loss=loss), score)


def test_gradcheck_of_the_pointwise_loss():
    rows = random_batch(3, rows=8)
    label, weight = (rows["stage"] == 3).double(), torch.rand(8, dtype=torch.float64)
    one = lambda s: pointwise_loss(s, label, weight, weight + 0.5).mean()  # noqa: E731
    assert torch.autograd.gradcheck(one, rows["score"].requires_grad_())


# Sums, counts, means


def test_sums_and_counts_are_given_tier_by_tier():
    score = torch.zeros(3)
    loss = hierarchical_preference_loss(
        score, as_pairs([(0, 1, 0), (0, 2, 0), (1, 2, 2)]), tiers=TIERS
    )
    assert loss.count.tolist() == [2, 0, 1, 0, 0]
    expected = [2 * math.log(1 + math.exp(1)), 0, math.log(1 + math.exp(0.1)), 0, 0]
    assert loss.total.tolist() == pytest.approx(expected, abs=1e-6)


def test_weights_count_in_the_sum_and_in_the_count():
    tier = (Tier("order", (1,), (0,)),)
    loss = hierarchical_preference_loss(
        torch.tensor([1.0, 0.0, 3.0]), as_pairs([(0, 1, 0, 0.0, 2.0), (0, 2, 0, 0.0, 0.5)]),
        tiers=tier,
    )  # fmt: skip
    expected = 2 * math.log(1 + math.exp(-1)) + 0.5 * math.log(1 + math.exp(2))
    assert loss.total.item() == pytest.approx(expected)
    assert loss.count.item() == 2.5


def test_an_empty_tier_adds_nothing_and_keeps_the_others_pull():
    # Weights 2, 1, .25; only `key` (margin .5) has a pair, at equal scores.
    one, tiers = math.log(1 + math.exp(0.5)), TIERS[:3]
    assert preference(torch.zeros(2), [(0, 1, 1)], tiers).item() == pytest.approx(one / 3.25)
    present = preference(torch.zeros(2), [(0, 1, 1)], tiers, over="present")
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
    for seed in range(100):
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
        hierarchical_preference_loss(score, as_pairs([(0, 1, 0)], tier), tiers=tier),
        tiers=tier,
    )
    expected = 2 * math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(-1))
    assert loss.item() == pytest.approx(expected, abs=1e-6)
