"""Train, validation and test.

A part begins at an instant: rows of one snapshot never straddle two parts, so the cut does not
depend on the order of rows in the file (a part may so get a few rows more than its share).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.stages import value_of

PARTS = ("train", "validation", "test")
#: Leads of either outcome without which a part tells nothing: percentile intervals of fewer lie
#: too close (docs/method.md, "What decides on validation", and tests/preference).
FEWEST = 10


@dataclass(frozen=True)
class SplitCounts:
    """Rows left out of every part: purged, and of leads that occur in a later part."""

    purged: int = 0
    lead_overlap: int = 0


def assign_parts(
    rows: pl.DataFrame, crm: CrmFile, labelled: bool = True
) -> tuple[pl.Series, SplitCounts]:
    """The part of each row (null = none) and how many rows no part could take.

    `rows`: lead_id, snapshot, mature and, for a group split, the parsed `split.by` column.
    Rows without labels are in no part.
    """
    if not labelled:
        return pl.repeat(None, rows.height, dtype=pl.String, eager=True), SplitCounts()
    if crm.split.kind == "time":
        part, purged = _by_time(rows, crm)
    else:
        part, purged = _by_unit(rows, crm), 0
    overlap = 0
    if crm.split.lead_disjoint:
        disjoint = _lead_disjoint(rows["lead_id"], part)
        overlap = disjoint.null_count() - part.null_count()
        part = disjoint
    return part, SplitCounts(purged, overlap)


def _by_time(rows: pl.DataFrame, crm: CrmFile) -> tuple[pl.Series, int]:
    """Test is cut first, then validation from what the purge leaves before it.

    Cutting both before purging would leave no validation at all wherever its share of time is
    shorter than the horizon.
    """
    times = rows.filter("mature")["snapshot"].sort()
    test_start = _start_of_last(times, crm.split.test)
    earlier = times.filter(_ends_by(times, test_start, crm))
    validation_start = _start_of_last(earlier, crm.split.validation)
    frame = rows.select("snapshot", "mature")
    snapshot = frame["snapshot"]
    in_test = _from(snapshot, test_start)
    in_validation = _from(snapshot, validation_start)
    ends_in_time = _ends_by(snapshot, test_start, crm) & (
        in_validation | _ends_by(snapshot, validation_start, crm)
    )
    part = frame.select(
        pl.when(in_test & pl.col("mature")).then(pl.lit("test"))
        .when(~ends_in_time).then(None)
        .when(in_validation).then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
        .alias("part")
    )["part"]  # fmt: skip
    return part, int((~in_test & ~ends_in_time).sum())


def _from(snapshot: pl.Series, start: datetime | int | None) -> pl.Series:
    if start is None:
        return pl.repeat(False, snapshot.len(), dtype=pl.Boolean, eager=True)
    return snapshot >= start


def _ends_by(snapshot: pl.Series, start: datetime | int | None, crm: CrmFile) -> pl.Series:
    """Before `start`, the horizon included: what comes later would be news from that part."""
    if start is None:
        return pl.repeat(True, snapshot.len(), dtype=pl.Boolean, eager=True)
    before = snapshot < start
    if crm.horizon_days is None:
        return before
    return before & (snapshot + timedelta(days=crm.horizon_days) <= start)


def _start_of_last(times: pl.Series, share: float) -> datetime | int | None:
    count = round(share * times.len())
    return times[times.len() - count] if count else None


def _by_unit(rows: pl.DataFrame, crm: CrmFile) -> pl.Series:
    """Whole units in seeded order: test until its share of mature rows is full, and so on."""
    by_lead = crm.split.lead_disjoint
    if crm.split.by is not None:
        unit = rows[value_of(crm.split.by)]
    else:
        unit = rows["lead_id"] if by_lead else rows["row_id"]
    frame = pl.DataFrame({"unit": unit, "mature": rows["mature"]})
    sizes = frame.group_by("unit").agg(pl.col("mature").sum()).sort("unit")
    shuffled = sizes[np.random.default_rng(crm.split.seed).permutation(sizes.height)]
    mature = max(1, int(shuffled["mature"].sum()))
    before = (pl.col("mature").cum_sum() - pl.col("mature")) / mature
    test, rest = crm.split.test, 1 - crm.split.test
    part = (
        pl.when(before < test).then(pl.lit("test"))
        .when(before < test + rest * crm.split.validation).then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )  # fmt: skip
    units = shuffled.select("unit", part.alias("part"))
    joined = frame.join(units, on="unit", how="left", maintain_order="left", nulls_equal=True)
    usable = pl.col("mature") | (pl.col("part") != "test")
    return joined.select(pl.when(usable).then("part").alias("part")).to_series()


def _lead_disjoint(lead_id: pl.Series, part: pl.Series) -> pl.Series:
    order = {name: i for i, name in enumerate(PARTS)}
    frame = pl.DataFrame({"lead": lead_id, "part": part})
    depth = pl.col("part").replace_strict(order, default=None, return_dtype=pl.Int8)
    kept = pl.when(depth == depth.max().over("lead")).then("part")
    return frame.select(kept.alias("part")).to_series()
