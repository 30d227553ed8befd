"""How a step's cost grows with leads, tokens and layers, and a loss's with its pairs."""

from collections.abc import Callable
from typing import Any

import torch

from leadrank.bench.clock import side_by_side
from leadrank.bench.figure import Figure
from leadrank.bench.leads import Leads, new_model
from leadrank.bench.sizes import Sizes
from leadrank.bench.step import Stepper
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.preference import Pairs, Tier, hierarchical_preference_loss

SHARES = (0.25, 0.5, 1.0)
LEADS, ROUNDS, ROWS = 16, 2, 256
PAIRS = (2_000, 8_000, 32_000)
DEEPER = (Tier(name="deeper", winner=(1,), loser=(0,), margin=0.0, weight=1.0),)


def growth(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Seconds of a step at a quarter, half and all of each size, the others at half or all."""
    rounds = ROUNDS if sizes.repeats > 1 else 1
    half = max(1, sizes.tokens // 2)
    steps = {
        f"step of {count} leads": (count, half, sizes.layers)
        for count in _sizes(2 * min(LEADS, sizes.step_leads))
    }
    steps |= {
        f"step of {tokens} tokens a lead": (LEADS, tokens, sizes.layers)
        for tokens in _sizes(sizes.tokens)
    }
    steps |= {
        f"step of {layers} layers": (LEADS, half, layers) for layers in _sizes(sizes.layers)
    }
    models = {layers: _stepper(leads, layers) for layers in {s[2] for s in steps.values()}}
    calls: dict[str, Callable[[], Any]] = {
        name: _step(models[layers], leads, count, tokens)
        for name, (count, tokens, layers) in steps.items()
    }
    calls |= {f"loss of {count} pairs": _loss(count) for count in PAIRS}
    for call in calls.values():
        call()
    took = side_by_side(calls, rounds)
    rows = {name: count for name, (count, *_) in steps.items()}
    return [Figure(name, seconds, "s", rows.get(name, ROWS)) for name, seconds in took.items()]


def _sizes(most: int) -> list[int]:
    return [max(1, round(share * most)) for share in SHARES]


def _stepper(leads: Leads, layers: int) -> Stepper:
    settings = EncoderSettings(quantisation="none", layers=layers, adapt_from=0)
    return Stepper(new_model(leads, settings), DEEPER)


def _step(stepper: Stepper, leads: Leads, count: int, tokens: int) -> Callable[[], Any]:
    """A step on the first leads' fields and made-up tokens, all leads as long."""
    batch = leads.data.rows[leads.some(count)]
    count = len(batch["label"])
    ids = torch.randint(100, 1_000, (count, tokens))
    half = torch.arange(count // 2)
    ones, none = torch.ones(len(half)), torch.zeros_like(half)
    pairs = Pairs(half, half + count // 2, none, 0 * ones, ones)
    batch |= {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pairs": pairs}
    batch = stepper.moved(batch)
    return lambda: stepper.step(batch)


def _loss(count: int) -> Callable[[], Any]:
    """The pair loss of 256 leads, forward and backward."""
    generator = torch.Generator().manual_seed(0)
    winner, loser = torch.randint(0, ROWS, (2, count), generator=generator)
    ones = torch.ones(count)
    pairs = Pairs(winner, loser, torch.zeros_like(winner), 0 * ones, ones)
    score = torch.randn(ROWS, generator=generator).requires_grad_()

    def run() -> None:
        loss = hierarchical_preference_loss(score, pairs, tiers=DEEPER)
        loss.mean().sum().backward()
        score.grad = None

    return run
