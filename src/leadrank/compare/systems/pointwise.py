"""`experiments/pointwise.yaml` on frozen vectors.

Off here: adapters; the head alone is trained.
"""

from typing import Any, Literal

from leadrank.compare.heads import fit_preset
from leadrank.compare.presets import settings_of
from leadrank.compare.study import Scored, Study

TITLE = "Pointwise, labels alone"
SEEDS = 5
READS: Literal["both"] = "both"
LLM = True


def fit_and_score(study: Study, seed: int) -> Scored:
    """Logits of the head whose rate did best by average precision on validation."""
    return fit_preset(study, "pointwise", seed)


def settings(study: Study) -> dict[str, Any]:
    """What decides the scores, for the record."""
    return settings_of(study, "pointwise")
