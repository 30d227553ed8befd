"""The metrics of one scored table under their public names."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from leadrank.errors import UserError
from leadrank.preference.ndcg import ndcg
from leadrank.preference.order_metrics import (
    auc,
    average_precision,
    pair_accuracy,
    top_hits,
    top_size,
)
from leadrank.preference.probability_metrics import brier, ece
from leadrank.preference.rank_axis import total

TOP_SHARES = {"0.1%": 0.001, "1%": 0.01, "5%": 0.05, "10%": 0.1}
TOP_NAMES = (*(f"precision@{share}" for share in TOP_SHARES), "recall@5%", "lift@10%")
FEW_HITS = 10
NO_LISTS = "no group columns, so there are no lists"


def ranking_metrics(
    score: Float[Tensor, " n"],
    label: Tensor,
    weight: Float[Tensor, " n"],
    *,
    probability: Float[Tensor, " n"] | None = None,
    stage: Int64[Tensor, " n"] | None = None,
    stage_known: Bool[Tensor, " n"] | None = None,
    group: Int64[Tensor, " n"] | None = None,
    group_known: Bool[Tensor, " n"] | None = None,
) -> dict[str, Any]:
    """Measure one scored table; weights are multiplicities, ties count by their expectation.

    `n` and `positives` count rows, whatever they weigh. A figure that is undefined (no positive
    row, no probability, no stage) is NaN, never 0. Without `group`, `list_auc` and `list_ndcg`
    are None and `list_reason` says why. `few_hits` names the top-K figures that rest on fewer
    than 10 positive rows.

    Args:
        score: any scale, higher is better [n].
        label: 0 or 1 [n].
        weight: rows of the population that a row stands for, 0 or more [n].
        probability: calibrated, in [0, 1]; for `ece` and `brier` [n].
        stage: deepest stage reached; for `ndcg_stage` and `pair_accuracy` [n].
        stage_known: where `stage` counts; everywhere if absent [n].
        group: code of the list a row competes in; for `list_auc` and `list_ndcg` [n].
        group_known: where a row competes in a list; everywhere if absent [n].

    Raises:
        UserError: with every column that holds what it must not.
    """
    check_rows(score, label, weight, probability)
    score, label, weight = score.double(), label.double(), weight.double()
    probability = None if probability is None else probability.double()
    figures = ranking_figures(
        score,
        label,
        weight,
        probability=probability,
        stage=stage,
        stage_known=stage_known,
        group=group,
        group_known=group_known,
    )
    found: dict[str, Any] = {"n": len(score), "positives": int((label > 0).sum())}
    found |= {name: float(value) for name, value in figures.items()}
    if group is None:
        found |= {"list_auc": None, "list_ndcg": None, "list_reason": NO_LISTS}
    else:
        listed = weight if group_known is None else weight * group_known
        found["list_ndcg"] = float(ndcg(score, label, listed, group=group))
    return found | {"few_hits": _few_hits(score, label, weight)}


def ranking_figures(
    score: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    probability: Float64[Tensor, " n"] | None = None,
    stage: Int64[Tensor, " n"] | None = None,
    stage_known: Bool[Tensor, " n"] | None = None,
    group: Int64[Tensor, " n"] | None = None,
    group_known: Bool[Tensor, " n"] | None = None,
) -> dict[str, Float64[Tensor, "*draws"]]:
    """Compute the figures of `ranking_metrics` for one weight per row or many draws of them.

    All but `list_ndcg`, which draws of rows distort: see `bootstrap_intervals`.
    """
    undefined = torch.full_like(total(weight), torch.nan)
    figures = {
        "auc": auc(score, label, weight),
        "average_precision": average_precision(score, label, weight),
        "ndcg": ndcg(score, label, weight),
        **_stage_figures(score, weight, stage, stage_known, undefined),
        **_top_figures(score, label, weight),
        "ece": undefined if probability is None else ece(probability, label, weight),
        "brier": undefined if probability is None else brier(probability, label, weight),
    }
    if group is not None:
        listed = weight if group_known is None else weight * group_known
        figures["list_auc"] = auc(score, label, listed, group=group)
    return figures


def _stage_figures(
    score: Tensor,
    weight: Tensor,
    stage: Tensor | None,
    stage_known: Tensor | None,
    undefined: Tensor,
) -> dict[str, Tensor]:
    if stage is None:
        return {"ndcg_stage": undefined, "pair_accuracy": undefined}
    known = torch.ones_like(stage, dtype=torch.bool) if stage_known is None else stage_known
    gain = 2.0 ** stage.double() - 1
    return {
        "ndcg_stage": ndcg(score, gain, weight * known),
        "pair_accuracy": pair_accuracy(score, stage, weight, stage_known=known),
    }


def _top_figures(score: Tensor, label: Tensor, weight: Tensor) -> dict[str, Tensor]:
    shares = list(TOP_SHARES.values())
    hits, _ = top_hits(score, label, weight, shares=shares)
    precision = hits / top_size(weight, shares=shares)
    positive = total(weight * label)
    top = list(TOP_SHARES)
    named = {f"precision@{name}": precision[..., k] for k, name in enumerate(top)}
    named["recall@5%"] = hits[..., top.index("5%")] / positive
    named["lift@10%"] = precision[..., top.index("10%")] * total(weight) / positive
    return named


def _few_hits(score: Tensor, label: Tensor, weight: Tensor) -> list[str]:
    _, seen = top_hits(score, label, weight, shares=list(TOP_SHARES.values()))
    few = dict(zip(TOP_SHARES, (seen < FEW_HITS).tolist(), strict=True))
    return [name for name in TOP_NAMES if few[name.split("@")[1]]]


def check_rows(
    score: Tensor, label: Tensor, weight: Tensor, probability: Tensor | None = None
) -> None:
    """Raise a `UserError` that names every column with values that no metric can take."""
    wrong = {
        "score": (~score.isfinite(), "a finite number"),
        "label": ((label != 0) & (label != 1), "0 or 1"),
        "weight": (~(weight.isfinite() & (weight >= 0)), "a finite number, 0 or more"),
    }
    if probability is not None:
        wrong["probability"] = (~((probability >= 0) & (probability <= 1)), "from 0 to 1")
    problems = [
        f"metrics: {int(bad.sum())} of {len(score)} values of {name} are not {expected}"
        for name, (bad, expected) in wrong.items()
        if bad.any()
    ]
    if problems:
        raise UserError("\n".join(problems))
