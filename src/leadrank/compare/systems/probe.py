"""The linear probe that heads start from: fields, their products, frozen vectors, n-grams."""

from typing import Any

import numpy as np

from leadrank.compare.heads import ready
from leadrank.compare.presets import settings_of
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System

#: Whose sampler, prompt and inputs it has.
PRESET = "pointwise"
TERMS = "penalties by cross-validation over the training leads"


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; penalties chosen by cross-validation over the training leads."""
    head = ready(study, PRESET)
    assert head.probe is not None
    assert head.probe_score is not None
    rows = study.scored_positions()
    score = np.full_like(head.probe_score, np.nan)
    score[rows] = head.probe_score[rows]
    penalties = {name: str(value) for name, value in head.probe.penalties._asdict().items()}
    return Scored(score, {"penalties": penalties}, logit=True)


def settings(study: Study) -> dict[str, Any]:
    """What decides the scores, for the record: not how a head would be trained."""
    found = settings_of(study, PRESET)
    reads = {name: found["head"][name] for name in ("fields", "wide")}
    return {name: found[name] for name in ("encoder", "prompt", "maturity")} | {"reads": reads}


SYSTEM = System(
    "Linear probe of the frozen LLM",
    fit_and_score,
    reads="both",
    llm=True,
    terms=TERMS,
    settings=settings,
)
