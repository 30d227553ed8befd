"""Exact AUC, NDCG and P@K, pooled and by list, at size; beside torchmetrics' where it ends.

Every list has as many positives, so that the mean of the lists' AUCs, which torchmetrics
gives, is the share of all pairs within lists, which `auc` gives. Scores are distinct multiples
of 2^-24 below 1: float32, to which torchmetrics rounds, holds them exactly, and what is outside
0 to 1 it would squeeze through a sigmoid into ties.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from leadrank.bench.clock import side_by_side, timed
from leadrank.bench.figure import Figure
from leadrank.bench.sizes import Sizes
from leadrank.preference.list_precision import list_precision_on
from leadrank.preference.ndcg import ndcg_on
from leadrank.preference.order_metrics import auc_on, top_hits_on, top_size
from leadrank.preference.rank_axis import in_order, rank_axis

POSITIVES, TOP, SHARES = 2, 5, (0.001, 0.01, 0.05, 0.1)
TOLERANCE = 1e-6


def list_metrics(sizes: Sizes) -> list[Figure]:
    """Seconds of all six metrics at size, and how many times torchmetrics takes."""
    scores = _scores(sizes.lists, sizes.per_list)
    seconds, _ = timed(lambda: (pooled(*scores), by_list(*scores)))
    fewer = _scores(sizes.rival_lists, sizes.per_list)
    ours, theirs = by_list(*fewer), rival(*fewer)
    assert torch.allclose(ours, theirs, atol=TOLERANCE), (ours, theirs)
    calls: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: by_list(*fewer),
        "rival": lambda: rival(*fewer),
    }
    took = side_by_side(calls, sizes.repeats)
    rows = len(scores[0])
    return [
        Figure("AUC, NDCG, P@K, pooled and by list", seconds, "s", rows, 15.0, "most"),
        Figure(
            "  torchmetrics' retrieval, time over ours",
            took["rival"] / took["ours"], "times", len(fewer[0]), 50.0,
        ),
    ]  # fmt: skip


def pooled(score: Tensor, label: Tensor, weight: Tensor, group: Tensor) -> Tensor:
    """AUC, NDCG and P@K of all rows as one list [2 + shares]."""
    axis = rank_axis(score)
    label, weight = in_order(axis, label, weight)
    axis = axis._replace(order=None)
    hits, _ = top_hits_on(axis, label, weight, shares=SHARES)
    precision = hits / top_size(weight, shares=SHARES)
    whole = torch.stack([auc_on(axis, label, weight), ndcg_on(axis, label, weight)])
    return torch.cat([whole, precision])


def by_list(score: Tensor, label: Tensor, weight: Tensor, group: Tensor) -> Tensor:
    """AUC, NDCG and P@5 within the lists [3]."""
    axis = rank_axis(score, group)
    label, weight = in_order(axis, label, weight)
    axis = axis._replace(order=None)
    area, gain = auc_on(axis, label, weight), ndcg_on(axis, label, weight)
    return torch.stack([area, gain, list_precision_on(axis, label, weight, size=TOP)])


def rival(score: Tensor, label: Tensor, weight: Tensor, group: Tensor) -> Tensor:
    """The same three by torchmetrics, whose weights are all 1 [3]."""
    from torchmetrics.retrieval import (
        RetrievalAUROC,
        RetrievalNormalizedDCG,
        RetrievalPrecision,
    )

    metrics = RetrievalAUROC(), RetrievalNormalizedDCG(), RetrievalPrecision(top_k=TOP)
    values = [metric(score.float(), label.long(), indexes=group) for metric in metrics]
    return torch.stack(values).double()


def _scores(lists: int, per_list: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Score, label, weight and group of the rows, as a table has them: lists mixed."""
    random = np.random.default_rng(0)
    rows = lists * per_list
    place = random.permutation(rows)
    label = np.tile((np.arange(per_list) < POSITIVES).astype(np.float64), lists)[place]
    score = random.permutation(rows) / 2**24
    group = np.repeat(np.arange(lists), per_list)[place]
    ones = torch.ones(rows, dtype=torch.float64)
    return torch.from_numpy(score), torch.from_numpy(label), ones, torch.from_numpy(group)
