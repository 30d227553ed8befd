"""LightGBM on the CRM's fields: the rival, as somebody who has no LLM would run it.

It reads fields only, never text, is tuned over CONFIGURATIONS and the number of trees by the
log loss on validation, and is deterministic. (Tuned by average precision it was weaker: a few
dozen orders make that figure too noisy to choose by.) What is given up: no hand-made features
and no stacking, so a team's own tuned model may be stronger.
"""

from itertools import product
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.errors import UserError
from leadrank.funnel import LeadTable

Floats = NDArray[np.float64]

#: The whole tuning budget: 8 configurations, each stopped early.
CONFIGURATIONS = tuple(
    {"num_leaves": leaves, "min_data_in_leaf": rows, "learning_rate": rate}
    for leaves, rows, rate in product((4, 15), (10, 40), (0.03, 0.1))
)
MOST_TREES = 500
PATIENCE = 50
THREADS = 2


def fit_lightgbm(table: LeadTable, seed: int) -> Floats:
    """Scores (log-odds) [rows] of every row of the table, trained on its mature train rows.

    Rows weigh what `weight` says. Without fields, nothing can be learned and every score is 0.
    Raises UserError when train or validation lacks orders or other rows.
    """
    features, categorical = field_inputs(table)
    if features.shape[1] == 0:
        return np.zeros(table.rows.height)
    part = {name: _mature(table, name) for name in ("train", "validation")}
    label = table.rows["label"].cast(pl.Float64).to_numpy()
    weight = table.rows["weight"].to_numpy()
    for name, rows in part.items():
        _check(name, label[rows])

    def dataset(rows: NDArray[np.bool_], reference: lgb.Dataset | None = None) -> lgb.Dataset:
        return lgb.Dataset(
            features[rows],
            label[rows],
            weight=weight[rows] / weight[rows].mean(),
            categorical_feature=categorical,
            reference=reference,
            # Bins are made once for all configurations; rare values may still be split on.
            params={"verbose": -1, "feature_pre_filter": False, "num_threads": THREADS},
        )

    train = dataset(part["train"])
    validation = dataset(part["validation"], reference=train)
    boosters = [boost(train, validation, tuned, seed) for tuned in CONFIGURATIONS]
    best = min(boosters, key=_validation_loss)
    return np.asarray(best.predict(features, raw_score=True), dtype=np.float64)


def _mature(table: LeadTable, part: str) -> NDArray[np.bool_]:
    inside = (pl.col("part") == part) & pl.col("mature")
    return table.rows.select(inside.fill_null(value=False)).to_series().to_numpy()


def field_inputs(table: LeadTable) -> tuple[Floats, list[int]]:
    """The declared fields as numbers [rows, fields], and which columns are category codes.

    A category is the place of its value among those of the train part; a value that train
    never showed is missing, as it would be for a model in use.
    """
    fields = table.crm.fields
    numeric = [pl.col(field.column).cast(pl.Float64) for field in fields.numeric]
    known = table.rows.filter(pl.Series(_mature(table, "train")))
    coded = []
    for field in fields.categorical:
        values = known[field.column].drop_nulls().unique().sort().to_list()
        codes = dict(zip(values, range(len(values)), strict=True))
        coded.append(
            pl.col(field.column).replace_strict(codes, default=None, return_dtype=pl.Float64)
        )
    matrix = table.rows.select(*numeric, *coded)
    columns = [matrix[name].fill_null(float("nan")).to_numpy() for name in matrix.columns]
    categorical = list(range(len(numeric), matrix.width))
    return np.column_stack(columns) if columns else np.empty((matrix.height, 0)), categorical


def _check(part: str, label: Floats) -> None:
    orders = int(label.sum())
    if orders == 0 or orders == len(label):
        raise UserError(
            f"LightGBM: the {part} part has {orders} orders among {len(label)} mature rows; "
            "expected some of both, so change the shares under `split` in the CRM file"
        )


def boost(
    train: lgb.Dataset, validation: lgb.Dataset, tuned: dict[str, Any], seed: int
) -> lgb.Booster:
    """Trees until the metric on validation has not improved for `PATIENCE` of them.

    `tuned`: LightGBM's parameters that differ from the fixed ones here.
    """
    fixed = {
        "objective": "binary",
        "metric": "binary_logloss",
        "seed": seed,
        "num_threads": THREADS,
        "deterministic": True,
        "force_row_wise": True,  # the other layout is chosen by timing, so not reproducibly
        "feature_pre_filter": False,
        "verbose": -1,
    }
    return lgb.train(
        {**fixed, **tuned},
        train,
        num_boost_round=MOST_TREES,
        valid_sets=[validation],
        valid_names=["validation"],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )


def _validation_loss(booster: lgb.Booster) -> float:
    return booster.best_score["validation"]["binary_logloss"]
