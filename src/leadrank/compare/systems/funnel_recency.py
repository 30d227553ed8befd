"""The rule of thumb: who is deepest in the funnel first, then who was in touch last.

Nothing is learned. Stage and last contact are those known at the snapshot; where the CRM gives
only one of them, that one ranks.
"""

import numpy as np

from leadrank.compare.snapshot_stage import days_since_contact, stage_at_snapshot
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import UNTUNED, System
from leadrank.compare.tuning import outcomes, scored
from leadrank.errors import UserError


def fit_and_score(study: Study, seed: int) -> Scored:
    """`stage + 1 / (1 + days since the last contact)`: no two stages overlap."""
    known = outcomes(study)
    stage, days = stage_at_snapshot(study), days_since_contact(study)
    if stage is None and days is None:
        raise UserError(
            f"{study.table.crm.path}: neither a stage reached by the snapshot (`reached_at` of "
            "a stage) nor the time of a last contact (`at` of a text) is known; the rule needs "
            "one of them"
        )
    score = np.zeros(len(known.label))
    used = []
    if stage is not None:
        score += stage
        used.append("stage at the snapshot")
    if days is not None:
        score += 1 / (1 + np.maximum(days, 0))
        used.append("days since the last contact")
    if np.ptp(score[known.asked]) == 0:
        raise UserError(
            f"{study.table.crm.path}: all rows are alike in the stage reached by the snapshot "
            "and the time of a last contact, so the rule ranks nothing"
        )
    return scored(known, score, {"ranks by": used}, logit=False)


SYSTEM = System("funnel + recency rule", fit_and_score, reads="fields", terms=UNTUNED)
