"""Rows that are one in truth: a lead on both sides of the split, under two ids, or twice."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from leadrank.funnel.crm_keys import Column, CrmFile, Fields
from leadrank.funnel.lead_table import LeadTable
from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.read import open_source, read_rows

ID_WORDS = {
    "id", "account", "customer", "client", "person", "contact", "user", "phone", "mail",
    "email", "number", "no", "key", "uuid",
}  # fmt: skip
#: An id of the same thing has nearly as many values as the leads' own.
LEAST_VALUES = 0.9
MOST_PER_LEAD = 1.02
LEAST_KNOWN = 0.9


def shared_leads(table: LeadTable) -> Iterator[Leak]:
    """The leads that train and a later part share."""
    parts = table.rows.select("lead_id", "part").drop_nulls().unique()
    later = parts.filter(pl.col("part") != "train")["lead_id"].unique()
    both = parts.filter((pl.col("part") == "train") & pl.col("lead_id").is_in(later.implode()))
    if both.height:
        yield Leak(
            "lead",
            table.crm.lead_id,
            True,
            f"{both.height:,} leads have rows both in train and in validation or test, so "
            "the model is measured on customers that it knows. Set `split.lead_disjoint: "
            "true`.",
        )


def rows_twice(table: LeadTable) -> Iterator[Leak]:
    """Rows that repeat a lead and snapshot."""
    count = table.report.duplicates
    if count:
        yield Leak(
            "rows twice",
            table.crm.lead_id,
            True,
            f"{count:,} rows repeat a lead and snapshot. They are in quarantine and are not "
            "used; say `select distinct` in source.query, or find out why they are there.",
        )


def other_ids(table: LeadTable, root: str | Path) -> Iterator[Leak]:
    """Undeclared id columns under which several leads are one, some in different parts.

    A column counts whose name has a word like `id` or `customer`, that nine in ten rows have,
    that has one value a lead, and a few less values than there are leads.
    """
    crm = table.crm
    ids = [c for c in table.report.ignored_columns if ID_WORDS & set(_words(c))]
    if not ids:
        return
    raw = _undeclared(crm, root, ids)
    rows = table.rows.select("row_id", "lead_id", "part")
    for column in ids:
        own = rows.with_columns(raw[column][rows["row_id"]].cast(pl.String).alias("id"))
        known = own.drop_nulls("id")
        values, leads = known["id"].n_unique(), known["lead_id"].n_unique()
        pairs = known.select("id", "lead_id").unique().height
        several = known.height < LEAST_KNOWN * rows.height or pairs > MOST_PER_LEAD * leads
        if several or not LEAST_VALUES * leads <= values < leads:
            continue
        by_id = known.group_by("id").agg(
            pl.col("lead_id").n_unique().alias("leads"),
            pl.col("part").drop_nulls().n_unique().alias("parts"),
        )
        twice = by_id.filter(pl.col("leads") > 1)
        apart = twice.filter(pl.col("parts") > 1).height
        yield Leak(
            "lead",
            crm.lead_id,
            True,
            f"{twice.height:,} values of {column!r} stand under several {crm.lead_id!r}, "
            f"{apart:,} of them with rows in different parts: one customer, several leads. "
            f"Take `lead_id: {column}`, if that is the customer.",
        )


def _undeclared(crm: CrmFile, root: str | Path, columns: Sequence[str]) -> pl.DataFrame:
    """The source's rows with columns that the CRM file does not declare."""
    extra = tuple(Column(column=name, name=name) for name in columns)
    with open_source(crm, root) as source:
        return read_rows(replace(crm, fields=Fields(categorical=extra)), source, True)[0]


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
