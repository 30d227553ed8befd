"""leadrank ranks sales leads with an LLM trained on funnel-aware preference pairs.

The public names below are imported on first use, because torch takes seconds to load and
`leadrank check` does without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadrank.funnel import Funnel
    from leadrank.model.ranker import LeadRanker
    from leadrank.preference import hierarchical_preference_loss, preference_pairs
    from leadrank.training.data import LeadDataModule
    from leadrank.training.run_folder import load_run

__all__ = [
    "Funnel",
    "LeadDataModule",
    "LeadRanker",
    "hierarchical_preference_loss",
    "load_run",
    "preference_pairs",
]

_HOME = {
    "Funnel": "leadrank.funnel",
    "LeadDataModule": "leadrank.training.data",
    "LeadRanker": "leadrank.model.ranker",
    "hierarchical_preference_loss": "leadrank.preference",
    "load_run": "leadrank.training.run_folder",
    "preference_pairs": "leadrank.preference",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'leadrank' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
