"""Preference pairs, losses, metrics and intervals: pure functions of tensors."""

from leadrank.preference.censoring import censoring_weights
from leadrank.preference.intervals import Difference, bootstrap_intervals, paired_difference
from leadrank.preference.losses import (
    Reduced,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
    tier_mean,
)
from leadrank.preference.margins import MarginScheme, with_margins
from leadrank.preference.metrics import ranking_metrics
from leadrank.preference.pair_losses import (
    PairLoss,
    bradley_terry,
    hinge,
    smoothed_bradley_terry,
    top_weight,
)
from leadrank.preference.pairs import Pairs, PairScope, preference_pairs, tier_sides
from leadrank.preference.schemes import TierScheme, tiers_of
from leadrank.preference.thresholds import with_thresholds
from leadrank.preference.tiers import Tier, TierSpec, resolve_tiers

__all__ = [
    "Difference",
    "MarginScheme",
    "PairLoss",
    "PairScope",
    "Pairs",
    "Reduced",
    "Tier",
    "TierScheme",
    "TierSpec",
    "bootstrap_intervals",
    "bradley_terry",
    "censoring_weights",
    "hierarchical_preference_loss",
    "hinge",
    "joint_loss",
    "paired_difference",
    "pointwise_loss",
    "preference_pairs",
    "ranking_metrics",
    "resolve_tiers",
    "smoothed_bradley_terry",
    "tier_mean",
    "tier_sides",
    "tiers_of",
    "top_weight",
    "with_margins",
    "with_thresholds",
]
