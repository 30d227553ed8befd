"""Figures of each system over its seeds, and paired differences, on shared draws of leads.

A system with several seeds is measured by the mean of each figure over them; a draw of leads is
the same for every seed and every system, so what they have in common cancels. What is given up:
the intervals are of that mean on other leads, not of one more seed; `seed_sd` says how far one
seed strays.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from leadrank.compare.results import Result
from leadrank.funnel.split import FEWEST
from leadrank.preference import ranking_metrics
from leadrank.preference.auc_by_lists import auc_by_lists
from leadrank.preference.delong import delong
from leadrank.preference.intervals import fewer_outcome, lead_draws
from leadrank.preference.list_precision import list_precision
from leadrank.preference.metrics import ranking_figures
from leadrank.preference.probability_metrics import chance_ece

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
    where the score is no logit; `few_hits`: figures that rest on fewer than 10 orders;
    `outcomes`: leads that had the rarer outcome, over all windows.
    """

    result: Result
    figures: dict[str, float]
    draws: dict[str, Floats]
    seed_sd: dict[str, float]
    ece_before: float
    few_hits: list[str]
    outcomes: int

    @property
    def few(self) -> bool:
        """Whether too few leads had either outcome for any interval."""
        return self.outcomes < FEWEST

    @property
    def sampled(self) -> bool:
        """Whether rows stand for others that were not scored; see `compare.two_phase`."""
        return self.result.num_scored * len(self.result.seeds) < self.result.scores.height

    def interval(self, figure: str) -> tuple[float, float]:
        """95 % interval, of percentiles; NaN where `few`, or undefined in every draw.

        That of the calibration error is the basic interval, 2 value - percentiles: chance
        makes an error even of right probabilities, a draw adds its own on top, and percentiles
        would lie above the figure that they are of.
        """
        if self.few or figure not in self.draws:
            return (np.nan, np.nan)
        low, high = _percentiles(self.draws[figure])
        if figure == "ece":
            twice = 2 * self.figures[figure]
            return float(np.clip(twice - high, 0, 1)), float(np.clip(twice - low, 0, 1))
        return low, high


class Paired(NamedTuple):
    """How much a system's figure exceeds the reference's on the same leads.

    `error`: standard error over draws; `seen`: the smallest true difference that this test
    would have found with a chance of 80 %; `p`: two-sided, of a normal difference, times the
    number of tests as Holm steps down through them. `delong`: low, high and p of DeLong's test
    of the AUC, uncorrected; None for other figures, and where the two differ in their rows.
    `sampled`: one of the two has sampled rows, and so an average precision that is too high.
    """

    system: str
    figure: str
    difference: float
    low: float
    high: float
    error: float
    seen: float
    p: float
    delong: tuple[float, float, float] | None = None
    sampled: bool = False


def measure(
    result: Result,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    capacity: int | None = None,
    leads: NDArray | None = None,
) -> Measured:
    """Measures a system's seeds on the same `draws` of leads.

    `capacity`: leads that each list has calls for; None: its precision is not measured.
    `leads`: sorted ids that draws are of, of whom the result has some; None: of its own.
    """
    blocks = [_columns(block, leads) for block in _by_seed(result)]
    among = None if leads is None else len(leads)
    points = [_point(columns, capacity) for columns, _ in blocks]
    names = [name for name, value in points[0].items() if isinstance(value, float)]
    values = {name: np.array([point[name] for point in points]) for name in names}
    drawn = [_drawn(columns, lead, draws, seed, among) for columns, lead in blocks]
    return Measured(
        result,
        {name: float(value.mean()) for name, value in values.items()},
        {name: np.mean([one[name] for one in drawn], axis=0) for name in drawn[0]},
        {n: float(v.std(ddof=1)) if len(v) > 1 else np.nan for n, v in values.items()},
        _ece_before(result, [columns for columns, _ in blocks]),
        points[0]["few_hits"],
        fewer_outcome(blocks[0][0]["label"], blocks[0][1]),
    )


def pooled(origins: Sequence[Sequence[Measured]]) -> list[Measured]:
    """Systems measured at every origin: their figures and draws averaged over the origins.

    Measure all with the same seed and the leads of all origins: a lead in two of them is then
    drawn in both or in neither, as a lead of the next year will be.
    """
    by_name = [{one.result.name: one for one in measured} for measured in origins]
    shared = [name for name in by_name[0] if all(name in one for one in by_name)]
    return [_pooled([one[name] for one in by_name]) for name in shared]


def _pooled(parts: list[Measured]) -> Measured:
    figures = [name for name in parts[0].figures if all(name in one.figures for one in parts)]
    drawn = [name for name in parts[0].draws if all(name in one.draws for one in parts)]
    return replace(
        parts[0],
        figures={
            name: float(np.mean([one.figures[name] for one in parts])) for name in figures
        },
        draws={name: np.mean([one.draws[name] for one in parts], axis=0) for name in drawn},
        seed_sd=dict.fromkeys(figures, np.nan),
        outcomes=sum(one.outcomes for one in parts),
    )


def paired(measured: list[Measured], against: Measured, *, exact: bool = True) -> list[Paired]:
    """Every other system minus `against` in the primary figures, with Holm's correction.

    A sampled system's average precision is too high, so it has no test: its p is NaN.
    `exact`: with DeLong's test beside the AUC; not of pooled origins.
    """
    found = [
        _pair(one, against, figure, exact)
        for one in measured
        if one is not against
        for figure in PRIMARY
    ]
    tested = [k for k in range(len(found)) if not np.isnan(found[k].p)]
    order = sorted(tested, key=lambda k: found[k].p)
    corrected, highest = list(found), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, found[k].p * (len(order) - rank)))
        corrected[k] = found[k]._replace(p=highest)
    return corrected


def _pair(one: Measured, against: Measured, figure: str, exact: bool) -> Paired:
    gaps = one.draws[figure] - against.draws[figure]
    gap = one.figures[figure] - against.figures[figure]
    few = one.few or against.few
    low, high = (math.nan, math.nan) if few else _percentiles(gaps)
    error = math.nan if few else float(np.nanstd(gaps, ddof=1))
    p = float(2 * norm.sf(abs(gap) / error)) if few or error > 0 else float(gap == 0)
    exact = exact and figure == "auc" and not few
    test = _delong(one.result, against.result) if exact else None
    sampled = one.sampled or against.sampled
    p = float("nan") if sampled and figure == PRIMARY[0] else p
    return Paired(
        one.result.name, figure, gap, low, high, error, SEEN * error, p, test, sampled
    )


def _delong(one: Result, against: Result) -> tuple[float, float, float] | None:
    both = [[_columns(block) for block in _by_seed(result)] for result in (one, against)]
    mine, theirs = (torch.stack([columns["score"] for columns, _ in blocks]) for blocks in both)
    (columns, lead), (other, _) = both[0][0], both[1][0]
    if not torch.equal(columns["weight"], other["weight"]):
        return None
    found = delong(mine, theirs, columns["label"], columns["weight"], lead)
    return found.low, found.high, found.p


def _point(columns: dict[str, Any], capacity: int | None) -> dict[str, Any]:
    """All figures of one seed."""
    chance = chance_ece(columns["probability"], columns["weight"])
    lists = list_figures(**columns, capacity=capacity)
    found = {name: float(value) for name, value in lists.items()}
    return {**ranking_metrics(**columns), **found, "ece_chance": float(chance)}


def list_figures(
    score: Tensor,
    label: Tensor,
    weight: Tensor,
    *,
    group: Tensor | None,
    group_known: Tensor,
    capacity: int | None,
    **others: Any,
) -> dict[str, Tensor]:
    """Figures of call lists for one weight per row [n] or draws [draws n]; none without lists.

    `auc_between`, `pairs_within`: see `auc_by_lists` (`list_auc` is the AUC within lists);
    `list_precision`: of the first `capacity` leads of a list, averaged over the lists.
    """
    if group is None:
        return {}
    lists = {"group": group, "group_known": group_known}
    parts = auc_by_lists(score, label, weight, **lists)
    found = {"auc_between": parts.between, "pairs_within": parts.pairs_within}
    if capacity is not None:
        listed = weight * group_known
        calls = list_precision(score, label, listed, group=group, size=capacity)
        found["list_precision"] = calls
    return found


def _by_seed(result: Result) -> Iterator[pl.DataFrame]:
    for seed in result.seeds:
        yield result.scores.filter(pl.col("seed") == seed).sort("row_id")


def _columns(
    block: pl.DataFrame, leads: NDArray | None = None
) -> tuple[dict[str, Any], Tensor]:
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
    if leads is None:
        return columns, _codes(_ranks(block["lead_id"]))
    return columns, torch.from_numpy(np.searchsorted(leads, block["lead_id"].to_numpy()))


def _codes(column: pl.Series) -> Tensor:
    return torch.from_numpy(column.to_numpy().copy())


def _ranks(column: pl.Series) -> pl.Series:
    return column.rank("dense").fill_null(0).cast(pl.Int64)


def _drawn(
    columns: dict[str, Any], lead: Tensor, draws: int, seed: int, leads: int | None
) -> dict[str, Floats]:
    """{figure: [draws]} of `_point`'s figures, as `bootstrap_intervals` draws them."""
    # Rows sorted by score make each later look-up by rank run through memory in order.
    order = columns["score"].argsort(descending=True, stable=True)
    sorted_: dict[str, Any] = {
        name: None if column is None else column[order] for name, column in columns.items()
    }
    weight: Tensor = sorted_.pop("weight")
    found = [
        ranking_figures(weight=times * weight, **sorted_)
        # Not the first calls of a list: a draw of leads breaks the list that they are of.
        | list_figures(weight=times * weight, **sorted_, capacity=None)
        for times in lead_draws(lead[order], draws=draws, seed=seed, leads=leads)
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
