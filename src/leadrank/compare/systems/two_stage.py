"""Two LightGBM models: who reaches a middle stage, and who of those orders; their product.

Which middle stage is chosen on validation, among the two deepest that both models can learn.
Rows of unknown stage teach the first model nothing.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from scipy.special import expit, logit

from leadrank.compare.inputs import need_fields
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.trees import HALF_OF_TREES, TREES, boosted
from leadrank.compare.tuning import (
    Configuration,
    Floats,
    Outcomes,
    check_classes,
    outcomes,
    tuned,
)
from leadrank.errors import UserError

MIDDLE = "rows that go on"


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds of P(middle stage) P(order | middle stage)."""
    need_fields(study)
    known = outcomes(study)
    stages = study.data.funnel.stages
    steps = {stages[middle]: _steps(study, known, middle) for middle in _middle(study, known)}
    trees = TREES if len(steps) == 1 else HALF_OF_TREES

    def fit(configuration: Configuration, seed: int) -> Floats:
        scores = [
            boosted(study.raw, step, configuration["trees"], seed)
            for step in steps[configuration["middle"]]
        ]
        return logit(np.clip(np.prod(expit(scores), axis=0), 1e-12, 1 - 1e-12))

    configurations = [{"middle": middle, "trees": grown} for middle in steps for grown in trees]
    return tuned(study, "two_stage", configurations, fit, seed)


def _middle(study: Study, known: Outcomes) -> list[int]:
    """Up to two middle stages, deepest first; UserError without one."""
    stages = study.data.funnel.stages
    between = range(len(stages) - 2, 0, -1)
    problems = {middle: _problem(study, known, middle) for middle in between}
    found = [middle for middle, problem in problems.items() if problem is None]
    if not found:
        why = "\n".join(f"{stages[middle]!r}: {said}" for middle, said in problems.items())
        raise UserError(
            f"{study.table.crm.path}: two steps need a stage between the first and the order "
            f"that some rows reach and some do not\n{why}".strip()
        )
    return found[:2]


def _problem(study: Study, known: Outcomes, middle: int) -> str | None:
    try:
        for step in _steps(study, known, middle):
            parts = {"train": step.train, "validation": step.validation}
            check_classes({name: step.label[rows] for name, rows in parts.items()}, MIDDLE)
    except UserError as error:
        return str(error)
    return None


def _steps(study: Study, known: Outcomes, middle: int) -> tuple[Outcomes, Outcomes]:
    """What the model of the middle stage learns from, and what the one of the order does."""
    stage = study.table.rows["stage"].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def only(label: Floats, kept: np.ndarray) -> Outcomes:
        train, validation = (rows[kept[rows]] for rows in (known.train, known.validation))
        return replace(known, label=label, train=train, validation=validation)

    reached = stage >= middle
    return only(reached.astype(np.float64), ~np.isnan(stage)), only(known.label, reached)


SYSTEM = System("two stages, LightGBM", fit_and_score, reads="fields")
