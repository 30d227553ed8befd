"""Percentile bootstrap over leads: a lead's rows depend on each other, so are drawn together.

A draw is a multiplicity of each lead, that is, one more weight per row: the metrics take many
draws at once and sort the rows once for each chunk of them. Chunks bound the memory and do not
change the draws.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from leadrank.errors import UserError
from leadrank.funnel.split import FEWEST
from leadrank.preference.metrics import check_rows, ranking_figures
from leadrank.preference.order_metrics import auc, average_precision

UNKNOWN = (float("nan"), float("nan"))

# Rows times draws in one chunk: 8 MB a temporary, which stays in the processor's cache.
CHUNK = 2**20


class Difference(NamedTuple):
    """How much one score's metric exceeds another's, with its bootstrap interval."""

    difference: float
    low: float
    high: float


def bootstrap_intervals(
    score: Float[Tensor, " n"],
    label: Tensor,
    weight: Float[Tensor, " n"],
    lead: Int64[Tensor, " n"],
    *,
    probability: Float[Tensor, " n"] | None = None,
    stage: Int64[Tensor, " n"] | None = None,
    stage_known: Bool[Tensor, " n"] | None = None,
    group: Int64[Tensor, " n"] | None = None,
    group_known: Bool[Tensor, " n"] | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of every figure of `ranking_metrics`.

    Draws in which a figure is undefined (no positive row drawn) are left out of its interval;
    a figure undefined in all of them has the interval (NaN, NaN), as has every one where
    `too_few` leads had either outcome. `list_ndcg` has none: a draw
    breaks a list of thirty into one of nineteen with repeats, in which orders stand higher.

    Args:
        score: any scale [n].
        label: 0 or 1 [n].
        weight: rows of the population that a row stands for [n].
        lead: code of the lead [n].
        probability: see `ranking_metrics` [n].
        stage: see `ranking_metrics` [n].
        stage_known: see `ranking_metrics` [n].
        group: see `ranking_metrics` [n].
        group_known: see `ranking_metrics` [n].
        draws: number of bootstrap samples.
        seed: of the draws; the same seed and leads give the same draws.
        level: coverage aimed at, in (0, 1).

    Raises:
        UserError: with every column that holds what it must not.
    """
    check_rows(score, label, weight, probability)
    few = too_few(label, lead)
    # Rows sorted by score make each later look-up by rank run through memory in order.
    order = score.argsort(descending=True, stable=True)
    score, label, weight, lead = (x[order] for x in (score, label, weight, lead))
    probability, stage, stage_known, group, group_known = (
        None if x is None else x[order]
        for x in (probability, stage, stage_known, group, group_known)
    )
    drawn = [
        ranking_figures(
            score.double(),
            label.double(),
            times * weight.double(),
            probability=None if probability is None else probability.double(),
            stage=stage,
            stage_known=stage_known,
            group=group,
            group_known=group_known,
        )
        for times in lead_draws(lead, draws=1 if few else draws, seed=seed)
    ]
    return {
        name: UNKNOWN
        if few
        else _interval(torch.cat([figures[name] for figures in drawn]), level)
        for name in drawn[0]
    }


def paired_difference(
    score_a: Float[Tensor, " n"],
    score_b: Float[Tensor, " n"],
    label: Tensor,
    weight: Float[Tensor, " n"],
    lead: Int64[Tensor, " n"],
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Difference]:
    """Return metric(score_a) - metric(score_b) for AUC and average precision, on shared draws.

    Both scores are measured on the same draws of leads, so what they have in common cancels.
    The interval is (NaN, NaN) where `too_few` leads had either outcome.
    Arguments as in `bootstrap_intervals`.
    """
    check_rows(score_a, label, weight)
    check_rows(score_b, label, weight)
    label, weight = label.double(), weight.double()
    score_a, score_b = score_a.double(), score_b.double()
    found, few = {}, too_few(label, lead)
    for name, metric in (("auc", auc), ("average_precision", average_precision)):
        gap = metric(score_a, label, weight) - metric(score_b, label, weight)
        if few:
            found[name] = Difference(float(gap), *UNKNOWN)
            continue
        gaps = [
            metric(score_a, label, times * weight) - metric(score_b, label, times * weight)
            for times in lead_draws(lead, draws=draws, seed=seed)
        ]
        found[name] = Difference(float(gap), *_interval(torch.cat(gaps), level))
    return found


def too_few(label: Tensor, lead: Int64[Tensor, " n"]) -> bool:
    """Whether fewer than FEWEST leads ordered, or fewer did not: no interval holds then."""
    return fewer_outcome(label, lead) < FEWEST


def fewer_outcome(label: Tensor, lead: Int64[Tensor, " n"]) -> int:
    """How many leads had the rarer of the two outcomes."""
    return min(len(lead[label == outcome].unique()) for outcome in (0, 1))


def lead_draws(
    lead: Int64[Tensor, " n"], *, draws: int, seed: int, leads: int | None = None
) -> Iterator[Float64[Tensor, "chunk n"]]:
    """Yield how often each row is drawn, in chunks of draws: as often as its lead is.

    Each draw takes as many leads as there are, with replacement. `leads`: draw from so many,
    of whom `lead` holds some by code, 0 to `leads` - 1, so that parts share their draws.
    """
    if len(lead) == 0:
        raise UserError("intervals: there are no rows to draw from; check the test part")
    code = lead
    if leads is None:
        code = lead.unique(return_inverse=True)[1]
        leads = int(code.max()) + 1
    generator = torch.Generator().manual_seed(seed)
    size = max(1, CHUNK // len(lead))
    for begin in range(0, draws, size):
        chunk = min(size, draws - begin)
        taken = torch.randint(leads, (chunk, leads), generator=generator)
        place = taken + torch.arange(chunk)[:, None] * leads
        times = torch.bincount(place.flatten(), minlength=chunk * leads).view(chunk, leads)
        yield times.double()[:, code]


def _interval(value: Tensor, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = value.nanquantile(value.new_tensor([tail, 1 - tail])).tolist()
    return low, high
