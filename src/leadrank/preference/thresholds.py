"""Thresholds of soft signals, learned on the training rows."""

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Bool, Float
from torch import Tensor

from leadrank.errors import UserError
from leadrank.preference.tiers import Tier


def with_thresholds(
    tiers: Sequence[Tier], signal: Float[Tensor, "n s"], signal_known: Bool[Tensor, "n s"]
) -> tuple[Tier, ...]:
    """Give each soft tier without a threshold the (lower) median of the known signals.

    The paper (arXiv 2606.04387) tells no threshold; the median makes as many pairs as can be.

    Args:
        tiers: hard ones and those with a threshold stay as they are.
        signal: soft signals of the training rows [n s].
        signal_known: where they are known [n s].

    Raises:
        UserError: where no training row has a known signal.
    """
    return tuple(
        replace(tier, threshold=_median(tier, signal, signal_known))
        if tier.signal is not None and tier.threshold is None
        else tier
        for tier in tiers
    )


def _median(tier: Tier, signal: Tensor, known: Tensor) -> float:
    values = signal[:, tier.signal][known[:, tier.signal]]
    if not len(values):
        raise UserError(
            f"tier {tier.name!r}: its soft signal has no value in any of the {len(signal):,} "
            "training rows, so there is no median to compare with; fill the column, give a "
            "threshold, or leave the tier out"
        )
    return float(values.median())
