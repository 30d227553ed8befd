"""What was known of a lead's progress at the snapshot: its stage then, and its last contact.

The lead table does not have it: there, a stage is one reached after the snapshot. It is read
from the source's reached-at times, and a time after the snapshot counts as no time.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.compare.study import Study
from leadrank.funnel.parse import blank_missing, parsed_columns
from leadrank.funnel.read import open_source, read_rows
from leadrank.funnel.stages import time_of

Floats = NDArray[np.float64]


def stage_at_snapshot(study: Study) -> Floats | None:
    """[rows] index of the deepest stage before the order that was reached by the snapshot.

    None when the CRM file has no time of such a stage, or no row had reached one. A stage told
    by a column's values is none: that column holds what is known today.
    """
    times = _stage_times(study)
    stage = np.zeros(study.table.rows.height)
    for index, time in times.items():
        stage = np.where(time.is_not_null().to_numpy(), index, stage)
    return stage if stage.any() else None


def days_since_contact(study: Study) -> Floats | None:
    """[rows] days from the last note or stage to the snapshot; infinite where there was none.

    None when neither notes nor stages have times.
    """
    rows = study.table.rows
    if rows["snapshot"].dtype == pl.Int64:
        return None
    noted = rows.select(
        pl.col("text").list.eval(pl.element().struct.field("at")).list.max().alias("noted")
    )
    times = [noted["noted"], *_stage_times(study).values()]
    last = pl.DataFrame([t.alias(str(k)) for k, t in enumerate(times)]).max_horizontal()
    if last.null_count() == rows.height:
        return None
    days = (rows["snapshot"] - last).dt.total_seconds() / 86_400
    return days.fill_null(np.inf).to_numpy()


def _stage_times(study: Study) -> dict[int, pl.Series]:
    """By stage, shallow first: when each row reached it, null where not by the snapshot."""
    crm = study.data.crm
    timed = {
        index: time_of(stage.reached_at)
        for index, stage in enumerate(crm.stages[:-1])
        if index and stage.reached_at is not None
    }
    if not timed:
        return {}
    with open_source(crm, study.data.root) as source:
        raw, _ = read_rows(crm, source, labelled=True)
    parsed = parsed_columns(blank_missing(raw, crm.missing), crm)
    # The table's own rows, in its order; nothing else of the source is looked at.
    rows = study.table.rows.select("row_id", "snapshot").join(
        parsed.select("row_id", *set(timed.values())),
        on="row_id",
        how="left",
        maintain_order="left",
    )
    known = {i: pl.when(pl.col(t) <= pl.col("snapshot")).then(t) for i, t in timed.items()}
    return {index: rows.select(time).to_series() for index, time in known.items()}
