"""Shapes written in signatures are checked here, and free at run time."""

from jaxtyping import install_import_hook

# All but `tiers`, which has no tensors and checks what users write by itself.
MODULES = (
    "intervals",
    "losses",
    "metrics",
    "ndcg",
    "order_metrics",
    "pairs",
    "probability_metrics",
    "rank_axis",
)
install_import_hook([f"leadrank.preference.{name}" for name in MODULES], "beartype.beartype")
