"""Preference pairs, losses, metrics and intervals: pure functions of tensors."""

from leadrank.preference.intervals import Difference, bootstrap_intervals, paired_difference
from leadrank.preference.losses import (
    Reduced,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
    tier_mean,
)
from leadrank.preference.metrics import ranking_metrics
from leadrank.preference.pairs import Pairs, preference_pairs
from leadrank.preference.tiers import Tier, TierScheme, TierSpec, resolve_tiers, tiers_of

__all__ = [
    "Difference",
    "Pairs",
    "Reduced",
    "Tier",
    "TierScheme",
    "TierSpec",
    "bootstrap_intervals",
    "hierarchical_preference_loss",
    "joint_loss",
    "paired_difference",
    "pointwise_loss",
    "preference_pairs",
    "ranking_metrics",
    "resolve_tiers",
    "tier_mean",
    "tiers_of",
]
