"""LightGBM on the fields and HPRO's score: stacked out of fold, beside the unstacked.

Training rows carry the score of a head that never saw their lead; validation and test rows that
of the head trained on all training rows. A score of the rows that trained it would look better
than it is, and LightGBM would lean on it.
"""

from typing import Any

from leadrank.compare.heads import fit_head, fit_preset, ready
from leadrank.compare.inputs import beside
from leadrank.compare.out_of_fold import Floats, out_of_fold
from leadrank.compare.presets import settings_of
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import EIGHT, System
from leadrank.compare.trees import TREES, boosted
from leadrank.compare.tuning import TUNING_SEED, Configuration, outcomes, tuned

PRESET = "hpro"


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; the head's rate is what HPRO's own tuning chose, the trees' as LightGBM's."""
    known = outcomes(study)
    stacked = {one: _stacked(study, one) for one in (TUNING_SEED, seed)}

    def fit(trees: Configuration, seed: int) -> Floats:
        return boosted(beside(study, stacked[seed][0][:, None]), known, trees, seed)

    found = tuned(study, "lightgbm_stacked", TREES, fit, seed)
    return Scored(found.score, {**found.chosen, "head": stacked[seed][1]}, logit=True)


def _stacked(study: Study, seed: int) -> tuple[Floats, dict[str, Any]]:
    """[rows] HPRO's score at a seed, out of fold on training rows, and what it chose; once."""
    key = f"lightgbm_stacked/score/{seed}"
    if key not in study.memory:
        whole = fit_preset(study, PRESET, seed)

        def fit(fold: Study) -> Floats:
            return fit_head(fold, ready(fold, PRESET), seed, whole.chosen["head_rate"]).score

        study.memory[key] = out_of_fold(study, whole.score, fit), whole.chosen
    return study.memory[key]


def settings(study: Study) -> dict[str, Any]:
    """What decides the scores, for the record."""
    return settings_of(study, PRESET)


SYSTEM = System(
    "LightGBM stacked on HPRO",
    fit_and_score,
    reads="both",
    seeds=5,
    llm=True,
    terms=f"{EIGHT}, on the score of HPRO's head, which is tuned as HPRO is",
    settings=settings,
)
