"""The linear probe on all layers of the base: what the others' cut costs or saves."""

from dataclasses import replace
from typing import Any

from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.systems import probe


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; the frozen pass takes as much longer as the base is deeper."""
    return probe.fit_and_score(_deep(study), seed)


def settings(study: Study) -> dict[str, Any]:
    """What decides the scores, for the record."""
    return probe.settings(_deep(study))


def _deep(study: Study) -> Study:
    return replace(study, encoder=replace(study.encoder, layers=None), memory={})


SYSTEM = System(
    "Linear probe, all layers of the base",
    fit_and_score,
    reads="both",
    llm=True,
    terms=probe.TERMS,
    settings=settings,
)
