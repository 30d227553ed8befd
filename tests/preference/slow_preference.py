"""The definitions, one pair or one row at a time: what the vectorised code must equal."""

import math

import torch

from leadrank.preference import Tier

TIERS = (
    Tier("global", (3,), (0, 1, 2), loser_lost=True, margin=1.0, weight=2.0),
    Tier("key", (2, 3), (0, 1), margin=0.5, margin_per_gap=0.25),
    Tier("low", (1,), (0,), margin=0.1, weight=0.25),
    Tier("soft", (0, 1, 3), margin=0.1, signal=1, threshold=0.25),
    Tier("orders", (3,), (0, 1, 2), loser_unknown=True),
)
COLUMNS = ("stage", "stage_known", "lost", "mature", "lead")
OPTIONAL = ("signal", "signal_known", "group", "group_known", "row_weight")


def random_batch(seed, rows=None):
    g = torch.Generator().manual_seed(seed)
    n = int(torch.randint(0, 10, (), generator=g)) if rows is None else rows
    coin = lambda p, *shape: torch.rand(n, *shape, generator=g) < p  # noqa: E731
    return {
        "stage": torch.randint(0, 4, (n,), generator=g),
        "stage_known": coin(0.8),
        "lost": coin(0.6),
        "mature": coin(0.8),
        "lead": torch.randint(0, max(n, 1), (n,), generator=g),
        "score": torch.randn(n, generator=g, dtype=torch.float64) * 3,
        "signal": torch.randn(n, 2, generator=g),
        "signal_known": coin(0.8, 2),
        "group": torch.randint(0, 3, (n,), generator=g),
        "group_known": coin(0.8),
        "row_weight": torch.rand(n, generator=g) * coin(0.9) * 2,
    }


def slow_pairs(batch, tiers, *, scope="all", group_weight=1.0, per_winner=False):
    """(winner, loser, tier, margin, weight) of every pair, in order."""
    columns = [column.tolist() for column in batch.values()]
    rows = [dict(zip(batch, values, strict=True)) for values in zip(*columns, strict=True)]
    found = []
    for t, tier in enumerate(tiers):
        for w, winner in enumerate(rows):
            mine = []
            for lo, loser in enumerate(rows):
                listed = winner["group_known"] and loser["group_known"]
                listed = listed and winner["group"] == loser["group"]
                if not prefers(tier, winner, loser) or (scope == "group" and not listed):
                    continue
                gap = winner["stage"] - loser["stage"]
                weight = winner["row_weight"] * loser["row_weight"]
                weight *= group_weight if scope == "both" and listed else 1
                mine.append((w, lo, t, tier.margin + tier.margin_per_gap * gap, weight))
            total = sum(pair[-1] for pair in mine) / winner["row_weight"] if mine else 1
            found += [
                (*pair[:-1], pair[-1] / total if per_winner else pair[-1]) for pair in mine
            ]
    return found


def prefers(tier, winner, loser):
    for row in (winner, loser):
        if not row["mature"] or row["row_weight"] == 0:
            return False
    if winner["lead"] == loser["lead"] or not winner["stage_known"]:
        return False
    if winner["stage"] not in tier.winner:
        return False
    if tier.signal is not None:
        value = [row["signal"][tier.signal] for row in (winner, loser)]
        known = all(row["signal_known"][tier.signal] for row in (winner, loser))
        same = loser["stage_known"] and winner["stage"] == loser["stage"]
        return known and same and value[0] > tier.threshold >= value[1]
    if tier.loser_lost and not loser["lost"]:
        return False
    if not loser["stage_known"]:
        return tier.loser_unknown
    return loser["stage"] in tier.loser


def slow_loss(name, z, smoothing=0.1):
    """The loss at z = difference - margin, and its slope in z; from Python floats."""
    if name == "hinge":
        return max(0.0, -z), -1.0 if z < 0 else 0.0
    # log(1 + exp(-z)) and its slope -1 / (1 + exp(z)), without overflow.
    value = max(-z, 0.0) + math.log1p(math.exp(-abs(z)))
    slope = -1 / (1 + math.exp(z)) if z < 700 else 0.0
    if name == "smoothed_bradley_terry":
        # log(1 + exp(z)) = log(1 + exp(-z)) + z
        return value + smoothing * z, slope + smoothing
    return value, slope


def slow_top_weight(score, gain, w, lo):
    """|gain difference| x |discount difference|; ties share the mean of their ranks."""

    def rank(i, shift=0.0):
        above = sum(s > score[i] for s in score)
        equal = sum(s == score[i] for s in score)
        return above + (equal + 1) / 2 + shift

    tie = 0.5 if score[w] == score[lo] else 0.0
    change = 1 / math.log2(1 + rank(w, tie)) - 1 / math.log2(1 + rank(lo, -tie))
    return abs(gain[w] - gain[lo]) * abs(change)


def slow_preference(
    score, pairs, tiers, *, loss="bradley_terry", over="all", smoothing=0.1, gain=None
):
    """Mean over tiers of the weighted means over pairs, and its gradient."""
    score, gain = score.tolist(), None if gain is None else gain.tolist()
    if loss == "top_weighted":
        pairs = [
            (w, lo, t, m, weight * slow_top_weight(score, gain, w, lo))
            for w, lo, t, m, weight in pairs
        ]
    count = [sum(pair[-1] for pair in pairs if pair[2] == t) for t in range(len(tiers))]
    share = [tier.weight for tier in tiers]
    if over == "present":
        share = [each if n > 0 else 0.0 for each, n in zip(share, count, strict=True)]
    total, grad = 0.0, [0.0] * len(score)
    for w, lo, t, margin, weight in pairs:
        if not weight:
            continue
        each = share[t] / sum(share) * weight / count[t]
        value, slope = slow_loss(loss, score[w] - score[lo] - margin, smoothing)
        total += each * value
        grad[w] += each * slope
        grad[lo] -= each * slope
    return total, grad


def slow_pointwise(score, label, share):
    """Sum of share x cross-entropy, the sum of shares, and the sum's gradient."""
    total, grad = 0.0, []
    for s, y, each in zip(score.tolist(), label.tolist(), share.tolist(), strict=True):
        value, slope = slow_loss("bradley_terry", s if y else -s)
        total += each * value
        grad.append(each * (slope if y else -slope))
    return total, sum(share.tolist()), grad
