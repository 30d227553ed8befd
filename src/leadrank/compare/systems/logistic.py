"""Logistic regression on the fields, as coded for linear models (`model.field_features`)."""

from leadrank.compare.inputs import need_fields
from leadrank.compare.linear import logistic, logits
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.tuning import Configuration, Floats, outcomes, tuned

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; the penalty is chosen on validation."""
    need_fields(study)
    known = outcomes(study)

    def fit(configuration: Configuration, seed: int) -> Floats:
        model = logistic(study.fields, known, configuration["strength"])
        return logits(model, study.fields)

    return tuned(study, "logistic", [{"strength": s} for s in STRENGTHS], fit, seed)


SYSTEM = System("logistic regression", fit_and_score, reads="fields")
