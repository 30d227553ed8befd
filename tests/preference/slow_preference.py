"""The definitions, one pair or one row at a time: what the vectorised code must equal."""

import math

import torch

from leadrank.preference import Tier

TIERS = (
    Tier("global", (3,), (0, 1, 2), loser_lost=True, margin=1.0, weight=2.0),
    Tier("key", (2, 3), (0, 1), margin=0.5),
    Tier("soft", (1,), (0,), margin=0.1, weight=0.25),
)


def random_batch(seed, rows=None):
    g = torch.Generator().manual_seed(seed)
    n = rows or int(torch.randint(0, 10, (), generator=g))
    coin = lambda p: torch.rand(n, generator=g) < p  # noqa: E731
    return {
        "stage": torch.randint(0, 4, (n,), generator=g),
        "stage_known": coin(0.8),
        "lost": coin(0.6),
        "mature": coin(0.8),
        "lead": torch.randint(0, max(n, 1), (n,), generator=g),
        "score": torch.randn(n, generator=g, dtype=torch.float64) * 3,
    }


def slow_pairs(batch, tiers):
    stage, known, lost, mature, lead = (
        batch[key].tolist() for key in ("stage", "stage_known", "lost", "mature", "lead")
    )
    return [
        (w, lo, t)
        for t, tier in enumerate(tiers)
        for w in range(len(stage))
        for lo in range(len(stage))
        if known[w] and known[lo] and mature[w] and mature[lo] and lead[w] != lead[lo]
        if stage[w] in tier.winner and stage[lo] in tier.loser
        if lost[lo] or not tier.loser_lost
    ]


def slow_preference(score, pairs, tiers):
    """Mean over all tiers, and its gradient, from Python floats."""
    score = score.tolist()
    share = [tier.weight / sum(tier.weight for tier in tiers) for tier in tiers]
    loss, grad = 0.0, [0.0] * len(score)
    for w, lo, t in pairs:
        each = share[t] / sum(1 for *_, other in pairs if other == t)
        gap = score[w] - score[lo] - tiers[t].margin
        loss += each * math.log(1 + math.exp(-gap))
        slope = each / (1 + math.exp(gap))
        grad[w] -= slope
        grad[lo] += slope
    return loss, grad
