"""The linear probe that heads start from: fields, their products, frozen vectors, n-grams."""

from typing import Literal

import numpy as np

from leadrank.compare.heads import ready
from leadrank.compare.study import Scored, Study

TITLE = "Linear probe of the frozen LLM"
SEEDS = 1
READS: Literal["both"] = "both"
LLM = True


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; penalties chosen by cross-validation over the training leads."""
    head = ready(study, "pointwise")
    assert head.probe is not None
    assert head.probe_score is not None
    rows = study.scored_positions()
    score = np.full_like(head.probe_score, np.nan)
    score[rows] = head.probe_score[rows]
    penalties = {name: str(value) for name, value in head.probe.penalties._asdict().items()}
    return Scored(score, {"penalties": penalties}, logit=True)
