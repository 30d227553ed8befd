"""Boosted trees on tables with names: fitted on some leads, stopped and chosen on others."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

TREES: dict[str, Any] = {
    "objective": "binary", "learning_rate": 0.1, "feature_fraction": 0.5, "lambda_l2": 5.0,
    "max_cat_threshold": 16, "cat_smooth": 50.0, "verbose": -1, "deterministic": True,
    "force_row_wise": True, "seed": 0,
}  # fmt: skip
Grid = tuple[tuple[int, int], ...]
#: Leaves, and rows that a leaf needs at least: what is tried.
GRID: Grid = ((7, 200), (15, 200), (31, 100))
ROUNDS, PATIENCE = 300, 20

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """Fitted trees and the categories that they know; calling them gives log-odds [n]."""

    booster: lgb.Booster
    categories: dict[str, pl.Enum]

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """Log-odds [n] of rows with the same columns."""
        asked = _matrix(rows, self.categories)
        return np.asarray(self.booster.predict(asked, raw_score=True))


def fit_trees(
    features: pl.DataFrame, label: pl.Series, lead: pl.Series, grid: Grid = GRID
) -> Trees:
    """Trees on `features` (strings are categories), chosen by log loss.

    On a fifth of the leads, held out, leaves are chosen from `grid` and the rounds counted;
    what was chosen is then fitted to all rows.
    """
    categories = {
        name: pl.Enum(features[name].drop_nulls().unique().sort())
        for name in features.columns
        if features.schema[name] == pl.String
    }
    matrix, target = _matrix(features, categories), label.to_numpy()
    held = (lead.hash(seed=0) % 5 == 0).to_numpy()
    names: dict[str, Any] = {
        "feature_name": features.columns, "categorical_feature": list(categories),
    }  # fmt: skip
    tried = [_try(matrix, target, held, leaves, least, names) for leaves, least in grid]
    _, rounds, chosen = min(tried, key=lambda each: each[0])
    booster = lgb.train(chosen, lgb.Dataset(matrix, target, **names), rounds)
    return Trees(booster, categories)


def _try(
    matrix: NDArray, target: NDArray, held: NDArray, leaves: int, least: int, names: dict
) -> tuple[float, int, dict[str, Any]]:
    """Log loss on the rows held out at the best number of rounds, that number, the settings."""
    settings = {**TREES, "num_leaves": leaves, "min_data_in_leaf": least}
    fitted = lgb.Dataset(matrix[~held], target[~held], **names)
    booster = lgb.train(
        settings, fitted, ROUNDS,
        valid_sets=[lgb.Dataset(matrix[held], target[held], reference=fitted)],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )  # fmt: skip
    return booster.best_score["valid_0"]["binary_logloss"], booster.best_iteration, settings


def _matrix(rows: pl.DataFrame, categories: dict[str, pl.Enum]) -> NDArray[np.float64]:
    codes = [
        pl.col(name).cast(known, strict=False).to_physical()
        for name, known in categories.items()
    ]
    return rows.with_columns(codes).cast(pl.Float64).to_numpy()
