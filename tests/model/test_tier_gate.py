"""The gate on tiers: gradients by hand, and a misleading tier that it shuts out."""

import pytest
import torch

from leadrank.model.tier_gate import TierGate
from leadrank.preference import Reduced, Tier, hierarchical_preference_loss, preference_pairs
from leadrank.preference.losses import pointwise_loss


def test_factors_by_hand():
    """Tier gradients (1, 0), (-1, 0), (1, 1) against the labels' (2, 0) of the step before."""
    weight = torch.zeros(2, requires_grad=True)
    tiers = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 1.0]])
    present = torch.ones(3, dtype=torch.bool)
    found = TierGate(3)
    labels = weight @ torch.tensor([2.0, 0.0])
    assert found.factors(tiers @ weight, present, labels, [weight]).tolist() == [1.0, 1.0, 1.0]
    later = weight @ torch.tensor([0.0, 5.0])
    factors = found.factors(tiers @ weight, present, later, [weight])
    assert factors.tolist() == pytest.approx([1.0, 0.0, 0.5**0.5])
    assert not factors.requires_grad


def test_a_tier_without_pairs_is_not_judged():
    weight = torch.zeros(2, requires_grad=True)
    found, loss = TierGate(1), weight.sum()
    none = torch.zeros(1, dtype=torch.bool)
    for _ in range(3):
        assert found.factors(0 * loss[None], none, loss, [weight]).tolist() == [1.0]


def leads(rows=600):
    """Orders by the first feature; a stage below that falls with it: a misleading tier."""
    noise = torch.Generator().manual_seed(0)
    features = torch.randn(rows, 2, generator=noise)
    order = torch.rand(rows, generator=noise) < torch.sigmoid(2 * features[:, 0] - 2)
    drive = torch.rand(rows, generator=noise) < torch.sigmoid(-3 * features[:, 0])
    return features, torch.where(order, 2, drive.long())


def trained(gated):
    """The weights of a linear score after 60 batches; the heavy tier is drives over nothing."""
    features, stage = leads()
    tiers = (Tier("orders", (2,), (0, 1)), Tier("drives", (1,), (0,), weight=6.0))
    weight = torch.zeros(2, requires_grad=True)
    found = TierGate(2)
    for step in range(60):
        rows = torch.arange(600)[step % 10 :: 10]
        one, yes = torch.ones(60), torch.ones(60, dtype=torch.bool)
        pairs = preference_pairs(stage[rows], yes, ~yes, yes, rows, tiers=tiers)
        score = features[rows] @ weight
        point = pointwise_loss(score, (stage[rows] == 2).float(), one, one).mean()
        loss = hierarchical_preference_loss(score, pairs, tiers=tiers)
        if gated:
            factor = found.factors(loss.mean(), loss.count > 0, point, [weight])
            loss = Reduced(loss.total * factor, loss.count)
        whole = point + (loss.mean() * torch.tensor([1.0, 6.0])).sum()
        (gradient,) = torch.autograd.grad(whole, weight)
        weight = (weight - 0.3 * gradient).detach().requires_grad_()
    return weight.detach()


def test_a_misleading_tier_bends_the_score_unless_it_is_gated():
    """The feature speaks for an order; the heavy tier says the contrary."""
    assert trained(gated=False)[0] < 0 < 0.5 < trained(gated=True)[0]
