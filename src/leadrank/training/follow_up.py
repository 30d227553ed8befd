"""How much each row's outcome counts, given how long the row was followed."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from leadrank.funnel import LeadTable
from leadrank.preference import censoring_weights
from leadrank.preference.settings import PreferenceSettings


def follow_up_weights(table: LeadTable, settings: PreferenceSettings) -> Tensor:
    """Weights of outcomes [rows]: 0 where one must not count, 1 where it was seen in full.

    `mature`: 1 for rows followed to the horizon, 0 for others. `ipcw`: training rows weigh what
    `censoring_weights` says, with the share of training rows followed so long. `open_is_lost`:
    every training row weighs 1, however briefly it was followed. Rows of other parts weigh as
    with `mature`, whatever the mode: they measure.
    """
    weight = torch.from_numpy(table.rows["mature"].to_numpy().copy()).float()
    train = np.flatnonzero((table.rows["part"] == "train").fill_null(False))
    if settings.maturity == "open_is_lost":
        weight[train] = 1.0
    elif settings.maturity == "ipcw":
        label, order, followed, population = _columns(table, train)
        weight[train] = censoring_weights(
            label,
            order,
            followed,
            horizon_days=table.crm.horizon_days or 0,
            clip=settings.censoring_clip,
            weight=population,
        ).float()
    return weight


def _columns(table: LeadTable, rows: NDArray[np.int64]) -> Iterator[Tensor]:
    """Label, day of the order (0 where none), days of follow-up and weight of these rows."""
    for name in ("label", "order_days", "followed_days", "weight"):
        column = table.rows[name][rows].fill_null(0).cast(pl.Float64)
        yield torch.from_numpy(column.to_numpy().copy())
