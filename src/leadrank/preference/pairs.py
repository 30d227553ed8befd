"""Preference pairs: index tensors into a batch of rows that are each encoded once.

The pairs of all tiers are found at once in a [tiers, n, n] mask. That is quadratic in the batch
(512 rows and 10 tiers: 2.6 MB), and needs no loop and no sampling.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from leadrank.preference.tiers import Tier


class Pairs(NamedTuple):
    """Pairs of rows of one batch, ordered by tier, then winner, then loser.

    Attributes:
        winner: row that should score higher [p].
        loser: row that should score lower [p].
        tier: index into the tiers [p].
    """

    winner: Int64[Tensor, " p"]
    loser: Int64[Tensor, " p"]
    tier: Int64[Tensor, " p"]


def preference_pairs(
    stage: Int64[Tensor, " n"],
    stage_known: Bool[Tensor, " n"],
    lost: Bool[Tensor, " n"],
    mature: Bool[Tensor, " n"],
    lead: Int64[Tensor, " n"],
    *,
    tiers: Sequence[Tier],
) -> Pairs:
    """List every pair (winner, loser) of a batch that a tier prefers.

    A row of unknown stage or without full follow-up is in no pair, and a lead is never paired
    with itself on another day: both rows would be right about the same customer. Equal stages
    never pair, and within a tier no pair holds both ways, as no stage is on both its sides.

    Args:
        stage: deepest stage reached within the horizon after the snapshot [n].
        stage_known: where it is known [n].
        lost: lost within the horizon and no order [n].
        mature: followed for the whole horizon [n].
        lead: code of the lead [n].
        tiers: what wins over what; none gives no pairs.
    """
    usable = stage_known & mature
    wins = _membership(stage, [tier.winner for tier in tiers]) & usable
    loses = _membership(stage, [tier.loser for tier in tiers]) & usable
    must_be_lost = torch.tensor([tier.loser_lost for tier in tiers], device=stage.device)
    loses = loses & (lost | ~must_be_lost.bool()[:, None])
    other_lead = lead[:, None] != lead[None, :]
    tier, winner, loser = (wins[:, :, None] & loses[:, None, :] & other_lead).nonzero().T
    return Pairs(winner, loser, tier)


def _membership(stage: Tensor, sides: list[tuple[int, ...]]) -> Tensor:
    rows = [torch.isin(stage, torch.tensor(side, device=stage.device)) for side in sides]
    return torch.stack(rows) if rows else stage.new_zeros((0, len(stage)), dtype=torch.bool)
