"""LightGBM on the fields and the stage that was reached by the snapshot."""

from leadrank.compare.inputs import beside
from leadrank.compare.snapshot_stage import stage_at_snapshot
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.trees import TREES, boosted
from leadrank.compare.tuning import Configuration, Floats, outcomes, tuned
from leadrank.errors import UserError


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; UserError when no stage is known at the snapshot."""
    known = outcomes(study)
    stage = stage_at_snapshot(study)
    if stage is None:
        raise UserError(
            f"{study.table.crm.path}: no row had reached a stage by its snapshot, or no stage "
            "has a `reached_at`; without it the stage at the snapshot is not known"
        )
    inputs = beside(study, stage)

    def fit(configuration: Configuration, seed: int) -> Floats:
        return boosted(inputs, known, configuration, seed)

    return tuned(study, "stage_feature", TREES, fit, seed)


SYSTEM = System("LightGBM + stage at the snapshot", fit_and_score, reads="fields")
