"""LightGBM's LambdaRank on the fields, stages as grades.

A lead is graded by the stage that it reached; one whose stage is unknown and that did not order
gets the lowest grade. Leads compete in the CRM's lists, or in random lists of 200: where the
CRM has lists, validation chooses, because its own are often a handful of leads without any
order and then teach nothing. Trees are added, and configurations chosen, by the average
precision of orders over all of validation, which is what the comparison is about.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.compare.inputs import need_fields
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.trees import HALF_OF_TREES, TREES, dataset
from leadrank.compare.tuning import Configuration, Floats, Outcomes, outcomes, tuned
from leadrank.evaluation.lightgbm import boost

RANDOM_LIST = 200
#: LightGBM takes no longer list.
LONGEST_LIST = 10_000
TERMS = "one of eight settings by average precision on validation, chosen at the first seed"


def fit_and_score(study: Study, seed: int) -> Scored:
    """A ranking score, no logit; random in its lists."""
    need_fields(study)
    known = outcomes(study)

    def fit(configuration: Configuration, seed: int) -> Floats:
        by_group = configuration["lists"] == "crm"
        return _rank(study, known, configuration["trees"], by_group, seed)

    return tuned(
        study,
        "lambdarank",
        _configurations(study.data.has_groups),
        fit,
        seed,
        loss=known.missed_precision,
    )


def _configurations(has_groups: bool) -> list[Configuration]:
    kinds, trees = (("crm", "random"), HALF_OF_TREES) if has_groups else (("random",), TREES)
    return [{"lists": kind, "trees": grown} for kind in kinds for grown in trees]


def _rank(
    study: Study, known: Outcomes, trees: Configuration, by_group: bool, seed: int
) -> Floats:
    rows, sizes = _lists(study, known.train, by_group, seed)
    stage = study.table.rows["stage"].fill_null(0).cast(pl.Float64).to_numpy()
    learned = dataset(study.raw, stage, known.weight, rows, lists=sizes)
    held = dataset(study.raw, known.label, known.weight, known.validation, learned)
    ranking = {
        "objective": "lambdarank",
        "metric": "average_precision",
        "lambdarank_truncation_level": int(sizes.max()),
        "label_gain": [2**grade - 1 for grade in range(len(study.data.funnel.stages))],
    }
    booster = boost(learned, held, {**trees, **ranking}, seed)
    return np.asarray(booster.predict(study.raw[0], raw_score=True), dtype=np.float64)


def _lists(
    study: Study, train: NDArray[np.int64], by_group: bool, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The training rows list by list, and how long each list is."""
    rows = np.random.default_rng(seed).permutation(train)
    if not by_group:
        return rows, _cut(len(rows), RANDOM_LIST)
    group = study.data.rows.group.numpy()[rows]
    order = np.argsort(group, kind="stable")
    _, sizes = np.unique(group[order], return_counts=True)
    return rows[order], np.concatenate([_cut(size, LONGEST_LIST) for size in sizes])


def _cut(rows: int, most: int) -> NDArray[np.int64]:
    """Sizes of lists of at most `most` that hold so many rows, as even as can be."""
    ends = np.linspace(0, rows, -(-rows // most) + 1).astype(np.int64)
    return ends[1:] - ends[:-1]


SYSTEM = System("LightGBM LambdaRank", fit_and_score, reads="fields", seeds=5, terms=TERMS)
