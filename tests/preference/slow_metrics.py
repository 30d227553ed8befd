"""Ranking metrics by their definitions: loops over pairs, and over all orders of the ties."""

import itertools
import math

import torch


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def random_table(seed, rows, *, ties=True, lists=4, lead_rows=1):
    """Rows with ties, integer weights of which some are 0, stages, and probabilities."""
    g = torch.Generator().manual_seed(seed)
    score = torch.randn(rows, generator=g, dtype=torch.float64)
    if ties:
        score = (score * 2).round() / 2
    stage = (torch.rand(rows, generator=g) * 4 + score / 4).long().clamp(0, 3)
    return {
        "score": score,
        "label": (stage == 3).double(),
        "weight": torch.randint(0, 4, (rows,), generator=g).double(),
        "probability": (score - 0.5).sigmoid(),
        "stage": stage,
        "stage_known": torch.rand(rows, generator=g) < 0.8,
        "group": torch.randint(0, lists, (rows,), generator=g),
        "lead": torch.arange(rows) // lead_rows,
    }


def replicated(table):
    """Each row as often as its weight says."""
    times = table["weight"].long()
    rows = {key: value.repeat_interleave(times, dim=0) for key, value in table.items()}
    return rows | {"weight": torch.ones(len(rows["score"]), dtype=torch.float64)}


def orders(score):
    """All orders of the rows, best first, that the ties allow."""
    ranked = sorted(range(len(score)), key=lambda i: -score[i])
    blocks = [list(rows) for _, rows in itertools.groupby(ranked, key=lambda i: score[i])]
    for each in itertools.product(*(itertools.permutations(block) for block in blocks)):
        yield [i for block in each for i in block]


def slow_top_hits(score, label, size):
    """Mean over the tie orders of the positives in the first `size` rows, the last in part."""
    found = []
    for order in orders(score):
        whole = math.floor(size)
        hits = sum(label[i] for i in order[:whole])
        found.append(hits + ((size - whole) * label[order[whole]] if size > whole else 0))
    return sum(found) / len(found)


def slow_ndcg(score, gain):
    """Mean over the tie orders of DCG, over the best DCG."""
    dcg = [sum(gain[i] / math.log2(r + 2) for r, i in enumerate(o)) for o in orders(score)]
    best = sum(g / math.log2(r + 2) for r, g in enumerate(sorted(gain, reverse=True)))
    return sum(dcg) / len(dcg) / best if best else math.nan


def slow_pair_share(score, worth, weight, known=None, group=None):
    """Weighted share of pairs of unequal worth in the right order, ties one half."""
    won = pairs = 0.0
    for i, j in itertools.permutations(range(len(score)), 2):
        if worth[i] <= worth[j] or (known and not (known[i] and known[j])):
            continue
        if group and group[i] != group[j]:
            continue
        both = weight[i] * weight[j]
        won += both * ((score[i] > score[j]) + (score[i] == score[j]) / 2)
        pairs += both
    return won / pairs if pairs else math.nan
