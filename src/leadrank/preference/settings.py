"""Which preferences an experiment trains on, as it writes them in YAML."""

from dataclasses import dataclass, field

from leadrank.funnel.funnel import Funnel
from leadrank.preference.tiers import Tier, TierScheme, TierSpec, resolve_tiers, tiers_of


@dataclass(frozen=True)
class PreferenceSettings:
    """A named scheme, or tiers of one's own.

    All tiers are between stages. Soft signals are read and kept; the soft tier comes later.

    Args:
        scheme: see `tiers_of`; fits any funnel.
        margin_per_gap: logits per stage between winner and loser; not for `paper`.
        tiers: tiers of one's own with the stage names of the CRM file; they replace the scheme.
    """

    scheme: TierScheme = "paper"
    margin_per_gap: float = 0.0
    tiers: list[TierSpec] = field(default_factory=list)

    def resolve(self, funnel: Funnel) -> tuple[Tier, ...]:
        """The tiers on this funnel; raises UserError naming what does not fit it."""
        if self.tiers:
            return resolve_tiers(self.tiers, funnel.stages)
        return tiers_of(
            self.scheme,
            num_stages=len(funnel.stages),
            has_lost=funnel.has_lost,
            margin_per_gap=self.margin_per_gap,
        )
