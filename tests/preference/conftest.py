"""Shapes written in signatures are checked here, and free at run time."""

from hypothesis import settings
from jaxtyping import install_import_hook

# On shared cores a millisecond may take a second; how long a test took is not its result.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# All but `tiers`, which has no tensors and checks what users write by itself.
MODULES = (
    "censoring",
    "intervals",
    "losses",
    "metrics",
    "ndcg",
    "order_metrics",
    "pair_losses",
    "pairs",
    "probability_metrics",
    "rank_axis",
    "thresholds",
)
install_import_hook([f"leadrank.preference.{name}" for name in MODULES], "beartype.beartype")
