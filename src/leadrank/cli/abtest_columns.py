"""The cheap model of `leadrank abtest simulate`: boosted trees on the CRM's columns.

It learns from the mornings before the test whose thirty days are over when it begins, as a team
would, and scores every open lead every morning. Size and rounds are chosen by log loss on leads
held out (`world.trees`): a yardstick that costs seconds.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.errors import UserError
from leadrank.world.columns import crm_rows
from leadrank.world.day_view import DayView
from leadrank.world.dealership import Dealership
from leadrank.world.oracles import column_features
from leadrank.world.settings import HORIZON_DAYS
from leadrank.world.trees import Trees, fit_trees

FEWEST_ORDERS = 20


@dataclass(frozen=True)
class ColumnsPolicy:
    """Highest chance of an order by the columns first; `orders` it has learned from."""

    trees: Trees
    orders: int

    def __call__(self, view: DayView) -> NDArray:
        """A score (log-odds) for each open lead."""
        return self.trees(column_features(view.rows())) if len(view) else np.zeros(0)


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
    features = column_features(crm_rows(world, lead, day))
    trees = fit_trees(features, pl.Series(label.astype(np.int8)), pl.Series(lead))
    return ColumnsPolicy(trees, int(label.sum()))
