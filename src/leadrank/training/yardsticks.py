"""Who knows more than a model can, where the truth is known: on the simulated dealership."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.funnel import LeadTable
from leadrank.training.root import WORLD
from leadrank.world.crm import NAME
from leadrank.world.yardsticks import NAMES, yardsticks


def yardstick_scores(table: LeadTable, root: Path) -> dict[str, NDArray[np.float64]]:
    """Scores [rows] of `oracle_reader` and `oracle_world`; none where there is no known truth.

    Args:
        table: the lead table.
        root: where its source's tables lie; the truth lies beside them, named by no CRM file.
    """
    tables = table.crm.source.tables
    folder = (root / tables["leads"]).parent if "leads" in tables else root
    known = (folder / "truth" / "probability.parquet").is_file()
    if table.crm.name not in (WORLD, NAME) or not known:
        return {}
    truth = yardsticks(folder).select(
        *NAMES,
        lead_id="customer_account_id",
        snapshot=pl.col("ppl_dt").dt.replace_time_zone("UTC"),
    )
    keys = ["lead_id", "snapshot"]
    joined = table.rows.select(keys).join(truth, on=keys, how="left", maintain_order="left")
    return {name: joined[name].to_numpy() for name in NAMES}
