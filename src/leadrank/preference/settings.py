"""Which preferences an experiment trains on, as it writes them in YAML."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from leadrank.errors import UserError
from leadrank.funnel.funnel import Funnel
from leadrank.preference.margins import MarginScheme, with_margins
from leadrank.preference.pairs import PairScope
from leadrank.preference.schemes import TierScheme, tiers_of
from leadrank.preference.tiers import Tier, TierSpec, resolve_tiers, with_weights

Maturity = Literal["mature", "ipcw", "open_is_lost"]


@dataclass(frozen=True)
class PreferenceSettings:
    """Tiers, their margins, and which of their pairs count how much.

    Args:
        scheme: named tiers that fit any funnel: paper, adjacent, all_gaps, at_least, orders,
            released_code; see `tiers_of`.
        margins: each tier's own (tier), none (zero), one for all (uniform) or one per stage
            between winner and loser (linear).
        margin_scale: logits of uniform, logits per stage of linear, a factor for tier.
        tiers: tiers of one's own with the stage names of the CRM file; they replace the scheme.
        tier_weights: weight of each tier named, in place of its own; 0 drops the tier. The mean
            over tiers divides by their sum, so only their ratios matter.
        pair_scope: pair all rows of a batch (all), those of one list (group), or all with
            weight 1 and those of one list with `group_weight` (both).
        group_weight: weight of a pair within a list where the scope is both.
        max_losers_per_winner: pair a winner with at most so many losers of a tier, drawn at
            random and not weighted up; null takes all.
        per_winner: each winner's pairs within a tier weigh 1 together, so that an order does
            not count once for every loser it meets.
        maturity: mature drops rows not followed to the horizon; ipcw keeps their orders and
            weighs what is seen by how likely it was to be seen; open_is_lost takes every open
            lead for one that did not order, as the released code does: only to reproduce it.
            All three are about training: validation and test rows are always mature.
        censoring_clip: least probability of follow-up that ipcw divides by.
    """

    scheme: TierScheme = "paper"
    margins: MarginScheme = "tier"
    margin_scale: float = 1.0
    tiers: list[TierSpec] = field(default_factory=list)
    tier_weights: dict[str, float] = field(default_factory=dict)
    pair_scope: PairScope = "all"
    group_weight: float = 1.0
    max_losers_per_winner: int | None = None
    per_winner: bool = False
    maturity: Maturity = "mature"
    censoring_clip: float = 0.05

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise UserError("\n".join(f"model.preference.{text}" for text in problems))

    def resolve(self, funnel: Funnel) -> tuple[Tier, ...]:
        """The tiers on this funnel; raises UserError naming what does not fit it."""
        problems = [f"model.preference.{text}" for text in _misfits(self, funnel)]
        if problems:
            raise UserError("\n".join(problems))
        if self.tiers:
            tiers = resolve_tiers(self.tiers, funnel.stages, funnel.soft_signals)
        else:
            tiers = tiers_of(
                self.scheme,
                num_stages=len(funnel.stages),
                has_lost=funnel.has_lost,
                has_signal=bool(funnel.soft_signals),
            )
        tiers = with_weights(tiers, self.tier_weights)
        return with_margins(tiers, self.margins, scale=self.margin_scale)

    def left_out(self, funnel: Funnel) -> str | None:
        """What of the scheme this funnel cannot have, in a sentence; None where it has all."""
        if self.tiers or self.scheme != "paper" or funnel.soft_signals:
            return None
        return "tiers: the paper's soft tier is left out: no soft_signals in the CRM file"


def _problems(settings: PreferenceSettings) -> Iterator[str]:
    for name in ("margin_scale", "group_weight"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value >= 0):
            yield f"{name}: {value}, expected a finite number, 0 or more"
    most = settings.max_losers_per_winner
    if most is not None and most < 1:
        yield f"max_losers_per_winner: {most}, expected 1 or more, or null for all"
    if not 0 < settings.censoring_clip <= 1:
        yield f"censoring_clip: {settings.censoring_clip}, expected a number in (0, 1]"


def _misfits(settings: PreferenceSettings, funnel: Funnel) -> Iterator[str]:
    if settings.pair_scope != "all" and not funnel.has_groups:
        yield (
            f"pair_scope: {settings.pair_scope}, but the CRM file has no group columns; "
            "declare `group`, or take the scope all"
        )
    if settings.maturity == "ipcw" and not funnel.order_is_timed:
        yield (
            "maturity: ipcw weighs an order by the day it came, so it needs an extract time "
            "and a final stage with `reached_at: COLUMN`; this CRM file lacks one of them. "
            "Give them, or take the maturity mature"
        )
