"""LightGBM on any inputs, as the reference in `evaluation.lightgbm` is fitted."""

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from leadrank.compare.tuning import Configuration, Floats, Outcomes, Positions
from leadrank.evaluation.lightgbm import CONFIGURATIONS, THREADS, boost

#: The reference's own budget, and half of it for systems that choose something else as well.
TREES: tuple[Configuration, ...] = CONFIGURATIONS
HALF_OF_TREES = TREES[::2]


def boosted(
    inputs: tuple[Floats, list[int]], known: Outcomes, trees: Configuration, seed: int
) -> Floats:
    """Logits [rows] of the known labels; trees are added until validation's loss stops falling.

    `inputs`: [rows, columns], NaN where missing, and which columns are category codes.
    """
    learned = dataset(inputs, known.label, known.weight, known.train)
    held = dataset(inputs, known.label, known.weight, known.validation, learned)
    booster = boost(learned, held, trees, seed)
    return np.asarray(booster.predict(inputs[0], raw_score=True), dtype=np.float64)


def dataset(
    inputs: tuple[Floats, list[int]],
    target: NDArray,
    weight: Floats,
    rows: Positions,
    reference: lgb.Dataset | None = None,
    lists: NDArray | None = None,
) -> lgb.Dataset:
    """LightGBM's form of these rows; `lists`: how many of them each list has, in order."""
    features, categorical = inputs
    return lgb.Dataset(
        features[rows],
        target[rows],
        weight=weight[rows] / weight[rows].mean(),
        group=lists,
        categorical_feature=categorical,
        reference=reference,
        params={"verbose": -1, "feature_pre_filter": False, "num_threads": THREADS},
    )
