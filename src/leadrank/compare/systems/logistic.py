"""Logistic regression on the fields, as coded for linear models (`model.field_features`)."""

from typing import Literal

from leadrank.compare.inputs import need_fields
from leadrank.compare.linear import logistic, logits
from leadrank.compare.study import Scored, Study
from leadrank.compare.tuning import Configuration, Floats, outcomes, tuned

TITLE = "logistic regression"
SEEDS = 1
READS: Literal["fields"] = "fields"

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; the penalty is chosen on validation."""
    need_fields(study)
    known = outcomes(study)

    def fit(configuration: Configuration, seed: int) -> Floats:
        model = logistic(study.fields, known, configuration["strength"])
        return logits(model, study.fields)

    return tuned(study, "logistic", [{"strength": s} for s in STRENGTHS], fit, seed)
