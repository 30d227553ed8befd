"""How hard each tier pulls at the scores, beside the labels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from leadrank.audit.rows import AuditedRows
from leadrank.model.ranker import LossSettings
from leadrank.preference import Tier, hierarchical_preference_loss, pointwise_loss


def pulls(
    score: Tensor, audited: AuditedRows, loss: LossSettings, row_weight: Tensor
) -> dict[str, float]:
    """{tier, or `labels`: its share of the loss's gradient on the scores}, summing to 1.

    `sum_i |d L_k / d s_i|` for each term k of the joint loss as it is added up: the weighted
    mean of a tier's pairs, the mean over labels. Terms may cancel each other; shares do not
    tell that.

    Args:
        score: logits of the sampled rows [k].
        audited: its `sample` is these rows.
        loss: weights of the terms.
        row_weight: how many rows each stands for [k].
    """
    place = torch.full((audited.rows.height,), -1)
    place[torch.from_numpy(audited.sample)] = torch.arange(len(audited.sample))
    pairs = audited.pairs._replace(
        winner=place[audited.pairs.winner], loser=place[audited.pairs.loser]
    )
    score = score.detach().double().requires_grad_()
    label = torch.from_numpy(audited.label[audited.sample]).double()
    reduced = hierarchical_preference_loss(
        score, pairs, tiers=audited.tiers, loss=loss.pair_loss, smoothing=loss.smoothing
    )
    terms = list(loss.preference * _shares(audited.tiers) * reduced.mean())
    labels = pointwise_loss(score, label, row_weight, torch.ones_like(row_weight))
    terms.append(loss.pointwise * labels.mean())
    sizes = [
        float(torch.autograd.grad(term, score, retain_graph=True)[0].abs().sum())
        for term in terms
    ]
    names = [*(tier.name for tier in audited.tiers), "labels"]
    total = sum(sizes) or 1.0
    return {name: size / total for name, size in zip(names, sizes, strict=True)}


def _shares(tiers: Sequence[Tier]) -> Tensor:
    weight = torch.tensor([tier.weight for tier in tiers], dtype=torch.float64)
    return weight / weight.sum()
