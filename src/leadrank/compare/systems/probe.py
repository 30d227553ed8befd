"""The linear probe that heads start from: fields, their products, frozen vectors, n-grams."""

from typing import Literal

import numpy as np

from leadrank.compare.heads import prepare
from leadrank.compare.presets import load_preset
from leadrank.compare.study import Scored, Study

TITLE = "Linear probe of the frozen LLM"
SEEDS = 1
READS: Literal["both"] = "both"
LLM = True


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; penalties chosen by cross-validation over the training leads."""
    data, probe = prepare(study, load_preset(study, "pointwise"))
    assert probe is not None
    rows = study.scored_positions()
    wide = data.ngrams.encode(data.table.rows)
    score = np.full(len(data.rows), np.nan)
    score[rows] = probe.score(study.vectors, study.fields, wide)[rows]
    penalties = {name: str(value) for name, value in probe.penalties._asdict().items()}
    return Scored(score, {"penalties": penalties}, logit=True)
