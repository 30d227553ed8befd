"""Figures of each system over its seeds, and paired differences, on shared draws of leads.

A system with several seeds is measured by the mean of each figure over them; a draw of leads is
the same for every seed and every system, so what they have in common cancels. What is given up:
the intervals are of that mean on other leads, not of one more seed; `seed_sd` says how far one
seed strays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from leadrank.compare.results import Result
from leadrank.preference import ranking_metrics
from leadrank.preference.intervals import lead_draws
from leadrank.preference.metrics import ranking_figures

Floats = NDArray[np.float64]
DRAWS = 1000
PRIMARY = ("average_precision", "auc")
#: Standard errors that a difference must have to be found at 5 % with a chance of 80 %.
SEEN = float(norm.ppf(0.975) + norm.ppf(0.8))


@dataclass(frozen=True)
class Measured:
    """A system's figures on the test part.

    `figures`: means over seeds; `draws`: {figure: [draws]} of that mean; `seed_sd`: standard
    deviation over seeds, NaN for one; `ece_before`: calibration error of sigmoid(score), NaN
    where the score is no logit; `few_hits`: figures that rest on fewer than 10 orders.
    """

    result: Result
    figures: dict[str, float]
    draws: dict[str, Floats]
    seed_sd: dict[str, float]
    ece_before: float
    few_hits: list[str]

    def interval(self, figure: str) -> tuple[float, float]:
        """95 % percentile interval; NaN where the figure is undefined in every draw."""
        if figure not in self.draws:
            return (np.nan, np.nan)
        low, high = _percentiles(self.draws[figure])
        return low, high


class Paired(NamedTuple):
    """How much a system's figure exceeds the reference's on the same leads.

    `error`: standard error over draws; `seen`: the smallest true difference that this test
    would have found with a chance of 80 %; `p`: two-sided, of a normal difference, times the
    number of tests as Holm steps down through them.
    """

    system: str
    figure: str
    difference: float
    low: float
    high: float
    error: float
    seen: float
    p: float


def measure(result: Result, *, draws: int = DRAWS, seed: int = 0) -> Measured:
    """Measures a system's seeds on the same `draws` of leads."""
    blocks = [_columns(block) for block in _by_seed(result)]
    points = [ranking_metrics(**columns) for columns, _ in blocks]
    names = [name for name, value in points[0].items() if isinstance(value, float)]
    values = {name: np.array([point[name] for point in points]) for name in names}
    drawn = [_drawn(columns, lead, draws, seed) for columns, lead in blocks]
    return Measured(
        result,
        {name: float(value.mean()) for name, value in values.items()},
        {name: np.mean([one[name] for one in drawn], axis=0) for name in drawn[0]},
        {n: float(v.std(ddof=1)) if len(v) > 1 else np.nan for n, v in values.items()},
        _ece_before(result, [columns for columns, _ in blocks]),
        points[0]["few_hits"],
    )


def paired(measured: list[Measured], against: Measured) -> list[Paired]:
    """Every other system minus `against` in the primary figures, with Holm's correction."""
    found = [
        _pair(one, against, figure)
        for one in measured
        if one is not against
        for figure in PRIMARY
    ]
    order = sorted(range(len(found)), key=lambda k: found[k].p)
    corrected, highest = list(found), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, found[k].p * (len(found) - rank)))
        corrected[k] = found[k]._replace(p=highest)
    return corrected


def _pair(one: Measured, against: Measured, figure: str) -> Paired:
    gaps = one.draws[figure] - against.draws[figure]
    gap, error = one.figures[figure] - against.figures[figure], float(np.nanstd(gaps, ddof=1))
    low, high = _percentiles(gaps)
    p = float(2 * norm.sf(abs(gap) / error)) if error > 0 else float(gap == 0)
    return Paired(one.result.name, figure, gap, low, high, error, SEEN * error, p)


def _by_seed(result: Result) -> Iterator[pl.DataFrame]:
    for seed in result.seeds:
        yield result.scores.filter(pl.col("seed") == seed).sort("row_id")


def _columns(block: pl.DataFrame) -> tuple[dict[str, Any], torch.Tensor]:
    """The arguments of `ranking_metrics`, and the codes of the leads."""
    number = {
        name: torch.from_numpy(block[name].cast(pl.Float64).to_numpy().copy())
        for name in ("score", "label", "weight", "probability")
    }
    stage, group = block["stage"], block["group"]
    has_groups = group.null_count() < len(group)
    columns = {
        **number,
        "stage": _codes(stage.fill_null(0).cast(pl.Int64)),
        "stage_known": torch.from_numpy(stage.is_not_null().to_numpy().copy()),
        "group": _codes(_ranks(group)) if has_groups else None,
        "group_known": torch.from_numpy(group.is_not_null().to_numpy().copy()),
    }
    return columns, _codes(_ranks(block["lead_id"]))


def _codes(column: pl.Series) -> torch.Tensor:
    return torch.from_numpy(column.to_numpy().copy())


def _ranks(column: pl.Series) -> pl.Series:
    return column.rank("dense").fill_null(0).cast(pl.Int64)


def _drawn(
    columns: dict[str, Any], lead: torch.Tensor, draws: int, seed: int
) -> dict[str, Floats]:
    """{figure: [draws]} of `ranking_metrics`' figures, as `bootstrap_intervals` draws them."""
    # Rows sorted by score make each later look-up by rank run through memory in order.
    order = columns["score"].argsort(descending=True, stable=True)
    sorted_: dict[str, Any] = {
        name: None if column is None else column[order] for name, column in columns.items()
    }
    weight: torch.Tensor = sorted_.pop("weight")
    found = [
        ranking_figures(weight=times * weight, **sorted_)
        for times in lead_draws(lead[order], draws=draws, seed=seed)
    ]
    return {name: torch.cat([one[name] for one in found]).numpy() for name in found[0]}


def _ece_before(result: Result, blocks: list[dict[str, Any]]) -> float:
    if not all(run["logit"] for run in result.record["runs"]):
        return float("nan")
    raw = [{**columns, "probability": columns["score"].sigmoid()} for columns in blocks]
    return float(np.mean([ranking_metrics(**columns)["ece"] for columns in raw]))


def _percentiles(values: Floats) -> tuple[float, float]:
    if np.isnan(values).all():
        return (np.nan, np.nan)
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
