"""LightGBM on the fields: what a team without an LLM would run (leadrank.evaluation)."""

from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.tuning import outcomes, scored
from leadrank.evaluation.lightgbm import CONFIGURATIONS, fit_lightgbm


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds of the best of its configurations by the log loss on validation."""
    chosen = {"configurations": len(CONFIGURATIONS)}
    return scored(outcomes(study), fit_lightgbm(study.table, seed), chosen, logit=True)


SYSTEM = System("LightGBM", fit_and_score, reads="fields")
