"""The cheap model of `leadrank abtest simulate`: LightGBM on the CRM's columns.

It learns from the mornings before the test whose thirty days are over when it begins, as a team
would, and scores every open lead every morning. Not tuned: a yardstick that costs seconds.
"""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.errors import UserError
from leadrank.world.columns import crm_rows
from leadrank.world.crm import CATEGORICAL, NUMERIC
from leadrank.world.day_view import DayView
from leadrank.world.dealership import Dealership
from leadrank.world.settings import HORIZON_DAYS

FEWEST_ORDERS = 20
SETTINGS = {
    "objective": "binary", "num_leaves": 8, "min_data_in_leaf": 40, "learning_rate": 0.05,
    "num_threads": 1, "deterministic": True, "seed": 0, "verbose": -1,
}  # fmt: skip
TREES = 150


@dataclass(frozen=True)
class ColumnsPolicy:
    """Highest chance of an order by the columns first; `orders` it has learned from."""

    booster: lgb.Booster
    kinds: dict[str, pl.Enum]
    orders: int

    def __call__(self, view: DayView, rng: np.random.Generator) -> NDArray:
        """A score for each open lead."""
        if not len(view):
            return np.zeros(0)
        return np.asarray(self.booster.predict(_inputs(view.rows(), self.kinds)))


def columns_policy(world: Dealership) -> ColumnsPolicy:
    """Learn from the world's mornings so far.

    Raises UserError where too few orders have been followed for the whole horizon.
    """
    noted = world.log.read("rows")
    mature = noted["day"] + HORIZON_DAYS <= world.day
    lead, day = noted["lead"][mature], noted["day"][mature].astype(np.int64)
    label = world.state.order_day[lead] < day + HORIZON_DAYS
    if label.sum() < FEWEST_ORDERS:
        raise UserError(
            f"lightgbm: {label.sum()} orders among the {len(lead):,} mornings that are "
            f"{HORIZON_DAYS} days old when the test begins; expected {FEWEST_ORDERS} or more: "
            "give a larger --before, or more --stores"
        )
    rows = crm_rows(world, lead, day)
    kinds = {
        name: pl.Enum(rows[name].cast(pl.String).drop_nulls().unique().sort())
        for name, _ in CATEGORICAL
    }
    at = list(range(len(NUMERIC), len(NUMERIC) + len(CATEGORICAL)))
    data = lgb.Dataset(_inputs(rows, kinds), label.astype(float), categorical_feature=at)
    return ColumnsPolicy(lgb.train(SETTINGS, data, TREES), kinds, int(label.sum()))


def _inputs(rows: pl.DataFrame, kinds: dict[str, pl.Enum]) -> NDArray[np.float64]:
    """Columns in the CRM file's order; NaN where empty, or a kind that was not seen before."""
    numbers = [pl.col(name).cast(pl.Float64) for name, *_ in NUMERIC]
    codes = [
        pl.col(name).cast(pl.String).cast(kind, strict=False).to_physical().cast(pl.Float64)
        for name, kind in kinds.items()
    ]
    return rows.select(*numbers, *codes).fill_null(np.nan).to_numpy()
