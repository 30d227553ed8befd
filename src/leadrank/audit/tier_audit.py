"""One tier: how many pairs, what tells its winner, and whether its winners order more often."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.audit.inputs import Inputs
from leadrank.audit.rows import AuditedRows
from leadrank.audit.scores import auc, lead_folds, order_score, tier_score

Floats = NDArray[np.float64]

DRAWS = 200
LEAST_PAIRS = 30


class Estimate(NamedTuple):
    """A share with its 95 % interval, by bootstrap over leads; NaN where nothing tells it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TierAudit:
    """What one tier's pairs are, and what they teach.

    Args:
        name: the tier's.
        ordered: how many of the audited leads ordered, of any tier.
        pairs: about how many there are among all training rows.
        with_order: share of them with an order among the two; the others say something that
            the labels do not.
        across_lists: share of two lists (null without lists).
        apart_days: median days between the two snapshots (null without times).
        contradicted: share that another tier prefers the other way round.
        tied: share of two rows with the same inputs, which no model can part.
        best_input: the field that alone tells the winner best, on leads not learned from.
        told: how often it does (1/2 is a coin).
        agrees: of pairs without an order, how often the winner is the likelier to order by a
            score learned from orders alone, out of fold.
        teaches: AUC of orders by a score learned from the pairs without an order alone.
        margin, weight: the tier's own.
    """

    name: str
    ordered: int
    pairs: float
    with_order: float
    across_lists: float | None
    apart_days: float | None
    contradicted: float
    tied: float
    best_input: str
    told: float
    agrees: Estimate
    teaches: Estimate
    margin: float
    weight: float


def audit_tiers(audited: AuditedRows, inputs: Inputs, *, seed: int = 0) -> list[TierAudit]:
    """Audits each tier on its own.

    Args:
        audited: rows and pairs.
        inputs: of the same rows.
        seed: of folds and bootstrap.
    """
    fold = lead_folds(audited.lead, audited.label, seed)
    score = order_score(inputs.matrix, audited.label, fold)
    backwards = _contradicted(audited)
    return [
        _audit(audited, inputs, index, fold, score, backwards, seed)
        for index in range(len(audited.tiers))
    ]


def _audit(
    audited: AuditedRows,
    inputs: Inputs,
    index: int,
    fold: NDArray,
    score: Floats,
    backwards: NDArray[np.bool_],
    seed: int,
) -> TierAudit:
    tier, pairs = audited.tiers[index], audited.pairs
    mine = (pairs.tier == index).numpy() & (pairs.weight > 0).numpy()
    winner, loser = pairs.winner.numpy()[mine], pairs.loser.numpy()[mine]
    weight = pairs.weight.double().numpy()[mine]
    order = (audited.label[winner] + audited.label[loser]) > 0
    told = _told(inputs, winner, loser, weight, fold)
    free = ~order
    return TierAudit(
        name=tier.name,
        ordered=len(np.unique(audited.lead[audited.label > 0])),
        pairs=float(weight.sum()),
        with_order=_share(order, weight),
        across_lists=_across(audited.rows["group"], winner, loser, weight),
        apart_days=_apart(audited.rows["snapshot"], winner, loser, weight),
        contradicted=_share(backwards[mine], weight),
        tied=_share(inputs.key[winner] == inputs.key[loser], weight),
        best_input=told[0],
        told=told[1],
        agrees=_agrees(audited, score, winner[free], loser[free], weight[free], seed),
        teaches=_teaches(audited, inputs, winner[free], loser[free], fold, seed),
        margin=tier.margin,
        weight=tier.weight,
    )


def _share(flag: Any, weight: Floats) -> float:
    return float(np.average(flag, weights=weight)) if len(weight) else float("nan")


def _contradicted(audited: AuditedRows) -> NDArray[np.bool_]:
    """[p] whether any tier has the pair the other way round."""
    n = audited.rows.height
    winner, loser = audited.pairs.winner.numpy(), audited.pairs.loser.numpy()
    return np.isin(winner * n + loser, loser * n + winner)


def _across(group: pl.Series, winner: NDArray, loser: NDArray, weight: Floats) -> float | None:
    if group.null_count() == len(group):
        return None
    code = group.rank("dense").fill_null(0).to_numpy()
    return _share((code[winner] != code[loser]) | (code[winner] == 0), weight)


def _apart(at: pl.Series, winner: NDArray, loser: NDArray, weight: Floats) -> float | None:
    if not at.dtype.is_temporal() or not len(weight):
        return None
    day = at.dt.timestamp("us").to_numpy() / 86_400e6
    apart = np.abs(day[winner] - day[loser])
    order = np.argsort(apart)
    middle = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    return float(apart[order][min(middle, len(apart) - 1)])


def _told(
    inputs: Inputs, winner: NDArray, loser: NDArray, weight: Floats, fold: NDArray
) -> tuple[str, float]:
    """The field whose bins, ranked by how often they win, tell the winner on other leads best.

    Learned on the pairs of two leads of the first folds, read off those of the last two.
    """
    learn = (fold[winner] < 3) & (fold[loser] < 3)
    held = (fold[winner] >= 3) & (fold[loser] >= 3)
    best, share = "-", float("nan")
    if not learn.any() or not held.any():
        return best, share
    for name, code in inputs.codes.items():
        size = int(code.max()) + 1
        wins, losses = (
            np.bincount(code[side[learn]], weight[learn], size) for side in (winner, loser)
        )
        rate = np.log((wins / wins.sum() + 1e-3) / (losses / losses.sum() + 1e-3))
        gap = np.sign(rate[code[winner[held]]] - rate[code[loser[held]]])
        found = float(np.average((gap + 1) / 2, weights=weight[held]))
        if not found <= share:
            best, share = name, found
    return best, share


def _agrees(
    audited: AuditedRows,
    score: Floats,
    winner: NDArray,
    loser: NDArray,
    weight: Floats,
    seed: int,
) -> Estimate:
    if len(weight) < LEAST_PAIRS:
        return Estimate(np.nan, np.nan, np.nan)
    right = (np.sign(score[winner] - score[loser]) + 1) / 2
    lead, count = audited.lead, int(audited.lead.max()) + 1
    random, drawn = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        times = np.bincount(random.integers(0, count, count), minlength=count)
        draw = weight * times[lead[winner]] * times[lead[loser]]
        if draw.sum() > 0:
            drawn.append(np.average(right, weights=draw))
    return Estimate(_share(right, weight), *np.quantile(drawn, [0.025, 0.975]))


def _teaches(
    audited: AuditedRows,
    inputs: Inputs,
    winner: NDArray,
    loser: NDArray,
    fold: NDArray,
    seed: int,
) -> Estimate:
    if len(winner) < LEAST_PAIRS:
        return Estimate(np.nan, np.nan, np.nan)
    score = tier_score(inputs.matrix, np.unique(winner), np.unique(loser), fold)
    value = auc(score, audited.label)
    lead, count = audited.lead, int(audited.lead.max()) + 1
    order = np.argsort(lead, kind="stable")
    start = np.searchsorted(lead[order], np.arange(count + 1))
    random, drawn = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        taken = random.integers(0, count, count)
        size = start[taken + 1] - start[taken]
        offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        rows = order[np.repeat(start[taken], size) + offset]
        drawn.append(auc(score[rows], audited.label[rows]))
    return Estimate(value, *np.nanquantile(drawn, [0.025, 0.975]))
