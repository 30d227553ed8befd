"""Preference pairs: index tensors into a batch of rows that are each encoded once.

The pairs of all tiers are found at once in a [tiers, n, n] mask. That is quadratic in the batch
(512 rows and 10 tiers: 2.6 MB), and needs no loop and no sampling.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from leadrank.preference.tiers import Tier

PairScope = Literal["all", "group", "both"]


class Pairs(NamedTuple):
    """Pairs of rows of one batch, ordered by tier, then winner, then loser.

    Attributes:
        winner: row that should score higher [p].
        loser: row that should score lower [p].
        tier: index into the tiers [p].
        margin: logits by which the winner should lead [p].
        weight: how much the pair counts within its tier, 0 or more [p].
    """

    winner: Int64[Tensor, " p"]
    loser: Int64[Tensor, " p"]
    tier: Int64[Tensor, " p"]
    margin: Float[Tensor, " p"]
    weight: Float[Tensor, " p"]


def preference_pairs(
    stage: Int64[Tensor, " n"],
    stage_known: Bool[Tensor, " n"],
    lost: Bool[Tensor, " n"],
    mature: Bool[Tensor, " n"],
    lead: Int64[Tensor, " n"],
    *,
    tiers: Sequence[Tier],
    signal: Float[Tensor, "n s"] | None = None,
    signal_known: Bool[Tensor, "n s"] | None = None,
    group: Int64[Tensor, " n"] | None = None,
    group_known: Bool[Tensor, " n"] | None = None,
    row_weight: Float[Tensor, " n"] | None = None,
    scope: PairScope = "all",
    group_weight: float = 1.0,
    max_losers_per_winner: int | None = None,
    per_winner: bool = False,
    generator: torch.Generator | None = None,
) -> Pairs:
    """List every pair (winner, loser) of a batch that a tier prefers, and weigh it.

    Within a tier no pair holds both ways. A row of unknown stage is in no pair (save as the
    loser of a tier that says so), rows of one stage are in soft tiers' pairs alone, and a lead
    is never paired with itself on another day: both rows would be right about one customer.
    Without a cap, permuting the rows permutes the pairs and changes nothing else.

    A pair weighs `scope_weight * row_weight[winner] * row_weight[loser]`, where scope_weight is
    `group_weight` inside a list if the scope is both, else 1. `per_winner` then divides: the
    pairs of a winner within a tier sum to its row_weight.

    Args:
        stage: deepest stage reached within the horizon after the snapshot [n].
        stage_known: where it is known [n].
        lost: lost within the horizon and no order [n].
        mature: whose outcome counts; rows followed for the whole horizon [n].
        lead: code of the lead [n].
        tiers: what wins over what; none gives no pairs.
        signal: soft signals, in the CRM file's order [n s]; needed by soft tiers.
        signal_known: where they are known [n s].
        group: code of the list that the lead competes in [n]; needed by scopes but all.
        group_known: where it is known; other rows are in no pair within a list [n].
        row_weight: inverse probability that the outcome was seen (`censoring_weights`) [n];
            null is 1 each. Rows that weigh 0 are in no pair.
        scope: pairs of all rows, of rows of one list, or both.
        group_weight: see above.
        max_losers_per_winner: at most so many losers for a winner of a tier, drawn at random.
        per_winner: see above.
        generator: draws for the cap; null is torch's own.

    Raises:
        ValueError: where a tier or the scope needs an argument that is missing.
    """
    _check(tiers, signal, group, scope)
    if row_weight is None:
        row_weight = torch.ones(stage.shape, device=stage.device)
    usable = mature & (row_weight > 0)
    rows = _Rows(stage, usable & stage_known, usable & ~stage_known, lost, signal, signal_known)
    same_list = _same_list(stage, group, group_known)
    comparable = lead[:, None] != lead[None, :]
    if scope == "group":
        comparable = comparable & same_list
    tier, winner, loser = _preferred(rows, comparable, tiers).nonzero().T
    weight = row_weight[winner] * row_weight[loser]
    if scope == "both":
        weight = torch.where(same_list[winner, loser], group_weight * weight, weight)
    pairs = Pairs(winner, loser, tier, _margin(stage, winner, loser, tier, tiers), weight)
    if max_losers_per_winner is not None:
        pairs = _capped(pairs, len(stage), max_losers_per_winner, generator)
    return _per_winner(pairs, row_weight, len(tiers)) if per_winner else pairs


def tier_sides(
    stage: Int64[Tensor, " n"],
    stage_known: Bool[Tensor, " n"],
    lost: Bool[Tensor, " n"],
    *,
    tiers: Sequence[Tier],
    signal: Float[Tensor, "n s"] | None = None,
    signal_known: Bool[Tensor, "n s"] | None = None,
) -> list[tuple[Bool[Tensor, " n"], Bool[Tensor, " n"]]]:
    """The rows that can win and the rows that can lose in each tier, among mature rows [n].

    Arguments as those of `preference_pairs`. A soft tier compares rows of one stage only; its
    sides do not say so.
    """
    rows = _Rows(stage, stage_known, ~stage_known, lost, signal, signal_known)
    return [_sides(rows, tier) for tier in tiers]


def _check(tiers: Sequence[Tier], signal: object, group: object, scope: PairScope) -> None:
    problems = [
        f"tier {tier.name!r} needs signal, signal_known and a threshold "
        "(`with_thresholds` learns one)"
        for tier in tiers
        if tier.signal is not None and (signal is None or tier.threshold is None)
    ]
    if scope != "all" and group is None:
        problems.append(f"the scope {scope!r} needs group and group_known")
    if problems:
        raise ValueError("; ".join(problems))


class _Rows(NamedTuple):
    """What decides the sides of a tier: rows that count, of known and of unknown stage."""

    stage: Tensor
    known: Tensor
    unknown: Tensor
    lost: Tensor
    signal: Tensor | None
    signal_known: Tensor | None


def _preferred(rows: _Rows, comparable: Tensor, tiers: Sequence[Tier]) -> Tensor:
    """Whether a row wins over another in a tier [tiers n n]."""
    if not tiers:
        return comparable.new_zeros((0, *comparable.shape))
    wins, loses = (
        torch.stack(side) for side in zip(*(_sides(rows, t) for t in tiers), strict=True)
    )
    soft = wins.new_tensor([tier.signal is not None for tier in tiers])
    same_stage = rows.stage[:, None] == rows.stage[None, :]
    fits = comparable & (same_stage | ~soft[:, None, None])
    return wins[:, :, None] & loses[:, None, :] & fits


def _sides(rows: _Rows, tier: Tier) -> tuple[Tensor, Tensor]:
    """Rows that can win and rows that can lose in a tier, each [n]."""
    win = rows.known & _in(rows.stage, tier.winner)
    if tier.signal is None:
        lose = rows.known & _in(rows.stage, tier.loser) | rows.unknown & tier.loser_unknown
        return win, lose & (rows.lost | (not tier.loser_lost))
    assert rows.signal is not None and rows.signal_known is not None  # noqa: PT018
    assert tier.threshold is not None
    told = win & rows.signal_known[:, tier.signal]
    above = rows.signal[:, tier.signal] > tier.threshold
    return told & above, told & ~above


def _in(stage: Tensor, side: tuple[int, ...]) -> Tensor:
    return torch.isin(stage, torch.tensor(side, dtype=stage.dtype, device=stage.device))


def _same_list(stage: Tensor, group: Tensor | None, known: Tensor | None) -> Tensor:
    """Whether two rows compete in one list [n n]; nowhere without lists."""
    if group is None or known is None:
        return torch.zeros((len(stage), len(stage)), dtype=torch.bool, device=stage.device)
    return (group[:, None] == group[None, :]) & known[:, None] & known[None, :]


def _margin(
    stage: Tensor, winner: Tensor, loser: Tensor, tier: Tensor, tiers: Sequence[Tier]
) -> Tensor:
    fixed = torch.tensor([tier.margin for tier in tiers], device=stage.device)
    per_gap = torch.tensor([tier.margin_per_gap for tier in tiers], device=stage.device)
    return fixed[tier] + per_gap[tier] * (stage[winner] - stage[loser])


def _capped(pairs: Pairs, rows: int, most: int, generator: torch.Generator | None) -> Pairs:
    """At most `most` pairs for each winner of a tier, drawn at random, in the same order."""
    device = pairs.tier.device
    place = generator.device if generator is not None else device
    chance = torch.rand(len(pairs.tier), generator=generator, device=place).to(device)
    winner = pairs.tier * rows + pairs.winner
    by_chance = chance.argsort()
    order = by_chance[winner[by_chance].argsort(stable=True)]
    ordered = winner[order]
    rank = torch.arange(len(order), device=device) - torch.searchsorted(ordered, ordered)
    kept = order[rank < most].sort().values
    return Pairs(*(column[kept] for column in pairs))


def _per_winner(pairs: Pairs, row_weight: Tensor, num_tiers: int) -> Pairs:
    """Weights that sum to the winner's own over its pairs within a tier."""
    place = pairs.tier * len(row_weight) + pairs.winner
    total = row_weight.new_zeros(num_tiers * len(row_weight)).index_add(0, place, pairs.weight)
    share = pairs.weight / torch.where(total > 0, total, 1)[place]
    return pairs._replace(weight=share * row_weight[pairs.winner])
