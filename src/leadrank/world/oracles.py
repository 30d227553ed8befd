"""How far a perfect reader could get: boosted trees on the columns and what each text states.

It gets, beside the CRM's columns, the facts in truth/facts.parquet: for each topic
what was stated last and the time before, how long ago, and the days to the date that was named.
It is no upper bound on what can be done with a world, but a reference that reads without error.
"""

import json
from pathlib import Path

import polars as pl

from leadrank.world.crm import CATEGORICAL, NUMERIC
from leadrank.world.facts import TOPICS
from leadrank.world.settings import HORIZON_DAYS, START

LEAD = "customer_account_id"
#: Codes that mean another store in another world.
OWN_CODES = ("specialist_store_code", "specialist_store_province_id")


def mature_rows(folder: Path) -> pl.DataFrame:
    """Distinct rows of a world that were followed for the horizon, with their 0/1 `label`."""
    rows = pl.read_parquet(folder / "leads.parquet").unique(maintain_order=True)
    extract = json.loads((folder / "world.json").read_text("utf-8"))["extract"]
    horizon = pl.duration(days=HORIZON_DAYS)
    last = pl.lit(extract).str.to_datetime() - horizon
    ordered = (pl.col("order_at") <= pl.col("ppl_dt") + horizon).fill_null(False)
    return rows.filter(pl.col("ppl_dt") <= last).with_columns(label=ordered.cast(pl.Int8))


def column_features(rows: pl.DataFrame) -> pl.DataFrame:
    """The inputs that the CRM file declares."""
    return rows.select(
        *(pl.col(name).cast(pl.Float64) for name, _, _ in NUMERIC),
        *(pl.col(name).cast(pl.String) for name, _ in CATEGORICAL),
    )


def reader_features(rows: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """The columns that mean the same in every world, and what the texts state."""
    return column_features(rows).drop(OWN_CODES).hstack(fact_features(rows, folder))


def fact_features(rows: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Of each row: each topic's last and last but one stated level, days ago, and the date."""
    facts = pl.read_parquet(folder / "truth" / "facts.parquet")
    facts = facts.with_columns(pl.col("due").cast(pl.Float64)).sort("at")
    key = rows.select("customer_account_id", "ppl_dt").with_row_index("row").sort("ppl_dt")
    joined = [_as_of(key, facts, topic) for topic in TOPICS]
    joined.append(_as_of(key, facts, "due"))
    joined.append(
        _as_of(key, facts.with_columns(no=pl.col("no_date").replace(False, None)), "no")
    )
    wide = pl.concat(joined, how="horizontal")
    today = (rows["ppl_dt"] - START).dt.total_days()
    return wide.with_columns(
        due=wide["due"] - today, due_before=wide["due_before"] - today, no=wide["no"].cast(int)
    )


def _as_of(key: pl.DataFrame, facts: pl.DataFrame, name: str) -> pl.DataFrame:
    """The last value of `name` before each morning, how old it is, and the value before."""
    known = facts.filter(pl.col(name).is_not_null()).select("customer_account_id", "at", name)
    known = known.with_columns(
        pl.col(name).shift(1).over("customer_account_id").alias(f"{name}_before"),
    )
    found = key.join_asof(
        known, left_on="ppl_dt", right_on="at", by="customer_account_id", check_sortedness=False
    ).sort("row")
    age = (found["ppl_dt"] - found["at"]).dt.total_hours() / 24
    return found.select(name, f"{name}_before").with_columns(age.alias(f"{name}_age"))
