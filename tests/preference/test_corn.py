"""CORN: its loss against a slow loop, its score against products of probabilities."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadrank.preference.corn import corn_loss, corn_score, even_steps


def a_batch(seed, n=6, steps=3):
    chance = torch.Generator().manual_seed(seed)
    stage = torch.randint(0, steps + 1, (n,), generator=chance)
    known = torch.rand(n, generator=chance) < 0.7
    return (
        torch.randn(n, steps, generator=chance, dtype=torch.float64) * 3,
        (stage == steps).double(),
        torch.rand(n, generator=chance, dtype=torch.float64) * 2,
        torch.rand(n, generator=chance, dtype=torch.float64) + 0.1,
        stage * known,
        known,
    )


def slow_loss(logits, label, weight, rate, stage, known):
    """Row by row, step by step, with plain probabilities."""
    total = count = 0.0
    for i in range(len(label)):
        share = float(weight[i] / rate[i])
        p = [1 / (1 + math.exp(-float(logit))) for logit in logits[i]]
        if not known[i]:
            order = math.prod(p)
            total -= share * math.log(order if label[i] else 1 - order)
            count += share
            continue
        for k in range(1, len(p) + 1):
            if stage[i] >= k - 1:  # it came so far
                total -= share * math.log(p[k - 1] if stage[i] >= k else 1 - p[k - 1])
                count += share
    return total, count


@given(st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_the_loss_is_that_of_the_slow_loop(seed):
    batch = a_batch(seed)
    total, count = slow_loss(*batch)
    found = corn_loss(*batch)
    assert found.total.item() == pytest.approx(total, rel=1e-9)
    assert found.count.item() == pytest.approx(count, rel=1e-9)


def test_by_hand():
    """Stage 1 of 2 at logits 0 and log 3: the first step done, the second not.

    (log 2 + log 4) / 2 terms. In fp32, with weight 2 and rate .5, four times both.
    """
    one = torch.ones(1)
    found = corn_loss(
        torch.tensor([[0.0, math.log(3)]]), 0 * one, 2 * one, one / 2,
        torch.tensor([1]), torch.tensor([True]),
    )  # fmt: skip
    assert found.total.item() == pytest.approx(4 * (math.log(2) + math.log(4)), rel=1e-6)
    assert found.count.item() == 8
    assert found.mean().item() == pytest.approx(math.log(8) / 2, rel=1e-6)


def test_the_stage_of_a_row_of_unknown_stage_is_not_read():
    logits, label, weight, rate, stage, _ = a_batch(3)
    unknown = torch.zeros(len(label), dtype=torch.bool)
    first, again = (
        corn_loss(logits, label, weight, rate, s, unknown).mean() for s in (stage, 0 * stage)
    )
    assert torch.equal(first, again)


def test_gradients():
    logits, *rest = a_batch(1)
    torch.autograd.gradcheck(lambda x: corn_loss(x, *rest).mean(), logits.requires_grad_())
    torch.autograd.gradcheck(corn_score, logits)
    torch.autograd.gradcheck(lambda x: even_steps(x, 3), logits)


def test_the_score_is_the_log_odds_of_the_product():
    """0.5 x 0.75 = 0.375: log(0.375 / 0.625)."""
    found = corn_score(torch.tensor([[0.0, math.log(3)]]))
    assert found.item() == pytest.approx(math.log(0.375 / 0.625), rel=1e-6)


def test_one_step_is_a_plain_logit():
    logits, *_ = a_batch(0, steps=1)
    torch.testing.assert_close(corn_score(logits), logits[:, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_logits_give_finite_scores_losses_and_gradients(size, dtype):
    """All of them 1e4: 1 - P is 3 exp(-1e4). One of them -1e4: P is exp(-1e4)."""
    logits = torch.full((2, 3), abs(size), dtype=dtype)
    logits[1, 1] = size
    logits.requires_grad_()
    score = corn_score(logits)
    expected = [1e4 - math.log(3), size if size < 0 else 1e4 - math.log(3)]
    assert score.tolist() == pytest.approx(expected, rel=1e-2)
    ones = torch.ones(2)
    loss = corn_loss(
        logits, 0 * ones, ones, ones, torch.tensor([0, 1]), torch.tensor([True, False])
    ).mean()
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_even_steps_multiply_to_the_score(count):
    score = torch.tensor([-1e4, -30.0, -2.0, 0.0, 3.0, 16.9, 17.1, 40.0, 1e4]).requires_grad_()
    steps = even_steps(score, count)
    found = corn_score(steps[:, None].expand(-1, count))
    torch.testing.assert_close(found, score, rtol=1e-5, atol=1e-5)
    steps.sum().backward()
    assert score.grad.isfinite().all()
