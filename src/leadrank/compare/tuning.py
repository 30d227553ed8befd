"""One tuning budget for every rival: 8 configurations, the best on validation is kept.

Chosen once, at seed 0, and kept for the other seeds: seeds then say how much a system's own
chance matters, not how lucky its tuning was. What is given up: a user with a day to spend would
try more than 8.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import average_precision_score, log_loss
from tqdm import tqdm

from leadrank.compare.study import Scored, Study
from leadrank.errors import UserError

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
Configuration = dict[str, Any]
Fit = Callable[[Configuration, int], Floats]

BUDGET = 8
TUNING_SEED = 0


@dataclass(frozen=True)
class Outcomes:
    """What a rival may learn from and tune on.

    `label` [rows] is 0 or 1, and NaN where it is hidden; `weight` [rows] averages 1 over the
    training rows; `train` and `validation` are positions of rows, `asked` those to be scored.
    """

    label: Floats
    weight: Floats
    train: Positions
    validation: Positions
    asked: Positions

    def log_loss(self, score: Floats) -> float:
        """Weighted log loss of logits [rows] on validation; lower is better."""
        rows = self.validation
        return float(
            log_loss(self.label[rows], expit(score[rows]), sample_weight=self.weight[rows])
        )

    def missed_precision(self, score: Floats) -> float:
        """1 - weighted average precision on validation, for scores that are no logits."""
        rows = self.validation
        weight = self.weight[rows]
        precision = average_precision_score(self.label[rows], score[rows], sample_weight=weight)
        return float(1 - precision)


def outcomes(study: Study) -> Outcomes:
    """The study's outcomes; UserError when train or validation has one class only."""
    label = study.table.rows["label"].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    weight = study.table.rows["weight"].to_numpy().astype(np.float64)
    train, validation = study.positions("train"), study.positions("validation")
    check_classes({"train": label[train], "validation": label[validation]}, "orders")
    asked = study.scored_positions()
    return Outcomes(label, weight / weight[train].mean(), train, validation, asked)


def check_classes(labels: dict[str, Floats], named: str) -> None:
    """UserError where the labels of a part are all 0 or all 1; `named`: what a 1 is."""
    problems = [
        f"the {part} part has {int(label.sum())} {named} among {len(label)} rows; expected "
        "some rows of either kind, so change the shares under `split` in the CRM file"
        for part, label in labels.items()
        if not 0 < label.sum() < len(label)
    ]
    if problems:
        raise UserError("\n".join(problems))


def tuned(
    study: Study,
    key: str,
    configurations: Sequence[Configuration],
    fit: Fit,
    seed: int,
    *,
    loss: Callable[[Floats], float] | None = None,
) -> Scored:
    """Scores of the configuration that is best on validation, fitted with this seed.

    Args:
        key: names what is tuned, in `study.memory` and on the progress bar.
        configurations: at most `BUDGET`.
        fit: (configuration, seed) -> scores [rows], finite where they are asked for.
        seed: of the fit; the choice is made with seed 0.
        loss: of scores [rows]; None: their log loss as logits.
    """
    assert len(configurations) <= BUDGET
    known = outcomes(study)
    measured = loss or known.log_loss
    if key not in study.memory:
        bar = tqdm(configurations, desc=key, unit="setting", delay=2, ncols=80)
        tried = [fit(configuration, TUNING_SEED) for configuration in bar]
        losses = [measured(score) for score in tried]
        best = int(np.argmin(losses))
        found = {**configurations[best], "tried": len(losses), "validation_loss": losses[best]}
        study.memory[key] = (best, found, tried[best])
    best, found, first = study.memory[key]
    score = first if seed == TUNING_SEED else fit(configurations[best], seed)
    return scored(known, score, found, logit=loss is None)


def scored(known: Outcomes, score: Floats, chosen: dict[str, Any], *, logit: bool) -> Scored:
    """`score` where it is asked for, NaN elsewhere."""
    kept = np.full(len(known.label), np.nan)
    kept[known.asked] = score[known.asked]
    return Scored(kept, chosen, logit)
