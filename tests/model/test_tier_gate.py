"""The gate on tiers: gradients by hand, and a misleading tier that it shuts out."""

import pytest
import torch
from tiny_leads import FIELD_WIDTH, batch, prompts

from leadrank.funnel import Funnel
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.ranker import LeadRanker, LossSettings
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


STAGE = torch.tensor([2, 0, 1, 0])


@pytest.fixture
def ranker_of(tiny_base):
    """Untrained rankers that differ in nothing but the gate; `log` keeps what they log."""

    def build(gated):
        torch.manual_seed(0)
        ranker = LeadRanker(
            EncoderSettings(str(tiny_base), quantisation="none", layers=3, adapt_from=2),
            HeadSettings(hidden=8, dropout=0.0),
            loss=LossSettings(pointwise=2.0, preference=1.0, tier_gate=gated),
        )
        funnel = Funnel(("lead", "drive", "order"), has_lost=False, horizon_days=30)
        ranker.build(funnel, FIELD_WIDTH)
        ranker.logged = {}
        ranker.log = lambda name, value, **_: ranker.logged.update(
            {name: float(torch.as_tensor(value).detach())}
        )
        return ranker

    return build


def training_batch(ranker):
    yes, one = torch.ones(4, dtype=torch.bool), torch.ones(4)
    pairs = preference_pairs(STAGE, yes, ~yes, yes, torch.arange(4), tiers=ranker.tiers)
    rows = {"label": (STAGE == 2).float(), "weight": one, "rate": one, "stage": STAGE}
    return {**batch(prompts()), **rows, "pairs": pairs}


def test_a_run_scales_each_tier_by_its_gate_and_logs_it(ranker_of, monkeypatch):
    """With gates of 0 and 1/2: 2 BCE + (0 x global + 1/2 x key) / 2."""
    ranker = ranker_of(gated=True)
    monkeypatch.setattr(ranker._gate, "factors", lambda *_: torch.tensor([0.0, 0.5]))
    loss = ranker.training_step(training_batch(ranker), 0)
    logged = ranker.logged
    expected = 2 * logged["train/pointwise"] + 0.25 * logged["train/key"]
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)
    assert (logged["train/global_gate"], logged["train/key_gate"]) == (0.0, 0.5)


def test_before_there_is_a_batch_to_compare_with_the_gate_is_open(ranker_of):
    """So the first step is that of fixed weights, and the second is not."""
    found = {}
    for gated in (False, True):
        ranker = ranker_of(gated)
        leads = training_batch(ranker)
        found[gated] = [float(ranker.training_step(leads, s).detach()) for s in range(2)]
    assert found[True][0] == found[False][0]
    assert found[True][1] < found[False][1]


def test_a_resumed_run_goes_on_with_its_gate(ranker_of):
    """Through a checkpoint: the next factors are those of the run that was not cut off."""
    ranker, resumed = ranker_of(gated=True), ranker_of(gated=True)
    leads = training_batch(ranker)
    for step in range(3):
        ranker.training_step(leads, step)
    checkpoint = {}
    ranker.on_save_checkpoint(checkpoint)
    resumed.on_load_checkpoint(checkpoint)
    ranker.training_step(leads, 3)
    resumed.training_step(leads, 3)
    gates = {name: value for name, value in ranker.logged.items() if name.endswith("_gate")}
    assert 0 < gates["train/global_gate"] < 1
    assert gates.items() <= resumed.logged.items()
