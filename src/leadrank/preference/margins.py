"""Margin schemes: what a margin sweep changes of any tiers, and nothing else of them.

To add one: a value of `MarginScheme` and its line in `with_margins`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from leadrank.preference.tiers import Tier

MarginScheme = Literal["tier", "zero", "uniform", "linear"]


def with_margins(
    tiers: Sequence[Tier], scheme: MarginScheme, *, scale: float = 1.0
) -> tuple[Tier, ...]:
    """The same tiers with other margins, in logits.

    `tier`: each tier's own margins times `scale`; `zero`: none; `uniform`: `scale` for every
    pair; `linear`: `scale` for each stage between winner and loser, so 0 within a stage. They
    are the fair controls of one another: the pairs and weights stay as they are. At equal
    scores a margin changes a pair's pull from 1/2 to sigmoid(margin).

    Raises:
        UserError: where a tier cannot have such a margin (rows of unknown stage have no gap),
            or the scale is negative.
    """
    change = {
        "tier": lambda tier: (tier.margin * scale, tier.margin_per_gap * scale),
        "zero": lambda _: (0.0, 0.0),
        "uniform": lambda _: (scale, 0.0),
        "linear": lambda _: (0.0, scale),
    }[scheme]
    changed = ((tier, *change(tier)) for tier in tiers)
    return tuple(replace(t, margin=margin, margin_per_gap=gap) for t, margin, gap in changed)
