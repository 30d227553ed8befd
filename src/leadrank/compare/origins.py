"""Earlier test windows of the same CRM, under the same protocol: a table as it stood before.

Each origin is what was known when the next later test part began, split anew by the CRM file's
own shares. A row whose horizon had not ended by then is left out, whatever became of it. What
is given up: windows shrink with the history, and each earlier origin is fitted on less of it.
"""

from dataclasses import replace
from datetime import timedelta

import polars as pl

from leadrank.compare.hidden import data_over
from leadrank.errors import UserError
from leadrank.funnel import LeadTable
from leadrank.funnel.fingerprint import fingerprint
from leadrank.funnel.split import assign_parts
from leadrank.training.data import LeadDataModule


def earlier(data: LeadDataModule) -> LeadDataModule:
    """The same data module, not set up, as things stood when its test part began.

    Raises UserError where the split is not by time, or a part would lack either outcome.
    """
    table = _before_test(data.table)
    counts = table.rows.drop_nulls("part").group_by("part").agg(pl.col("label").n_unique())
    if counts.height < 3 or counts["label"].min() != 2:
        raise UserError(
            f"{table.crm.path}: --origins: a part of the {table.rows.height:,} rows before the "
            "test part would have no order, or orders alone; ask for fewer origins"
        )
    return data_over(data, table)


def _before_test(table: LeadTable) -> LeadTable:
    crm = table.crm
    if crm.split.kind != "time":
        raise UserError(
            f"{crm.path}: --origins needs a split by time, this one is {crm.split.kind!r}"
        )
    start = table.rows.filter(part="test")["snapshot"].min()
    ended = pl.col("snapshot") < start
    if crm.horizon_days is not None:
        ended &= pl.col("snapshot") + timedelta(days=crm.horizon_days) <= start
    rows = table.rows.filter(ended & pl.col("mature"))
    part, _ = assign_parts(rows.select("lead_id", "snapshot", "mature"), crm)
    rows = rows.with_columns(part=part)
    return replace(table, rows=rows, fingerprint=fingerprint(crm, rows))
