"""The rows whose outcomes the leakage guard may look at, and what ever became of them.

Validation and test rows, and every lead that occurs there, stay out. Rows that no part took are
looked at beside those of train: a short table has few of the latter, and nothing measures them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.funnel import stages
from leadrank.funnel.crm_keys import CrmFile, Rule
from leadrank.funnel.lead_table import LeadTable
from leadrank.funnel.parse import blank_missing, parsed_columns
from leadrank.funnel.read import open_source, read_rows

Flags = NDArray[np.bool_]
HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class SeenRows:
    """Rows whose outcomes may be looked at.

    Args:
        crm: the CRM file.
        rows: mature rows of train or of no part, no lead of which is in a later part.
        parsed: the source's outcome columns of the same rows.
    """

    crm: CrmFile
    rows: pl.DataFrame
    parsed: pl.DataFrame

    @cached_property
    def lead(self) -> NDArray[np.int64]:
        """[n] codes of the leads, from 0."""
        return (self.rows["lead_id"].rank("dense").cast(pl.Int64) - 1).to_numpy()

    @cached_property
    def label(self) -> NDArray[np.int64]:
        """[n] 1 where the final stage was reached within the horizon."""
        return self.rows["label"].cast(pl.Int64).to_numpy()

    @cached_property
    def outcomes(self) -> dict[str, tuple[Flags, Flags]]:
        """{name: (happened, counts)} of the stages from the deepest, of `lost`, of either.

        [n] each. `happened` at any time after the snapshot, also after the horizon: a value
        that is filled in afterwards does not heed the horizon. Rows where it had happened
        before the snapshot do not count: there the value may have been known.
        """
        named = [(stage.name, stage) for stage in reversed(self.crm.stages) if not stage.always]
        found = {f"reached {name!r}": self._ever(rule) for name, rule in named}
        if self.crm.lost is not None:
            lost, final = self._ever(self.crm.lost), next(iter(found.values()))
            found["were lost"] = lost
            found[f"{next(iter(found))} or were lost"] = (
                lost[0] | final[0],
                lost[1] & final[1],
            )
        return found

    def by_lead(self, flag: Flags) -> Flags:
        """[leads] whether it holds in any row of the lead."""
        count = int(self.lead.max()) + 1 if len(self.lead) else 0
        return np.bincount(self.lead, weights=flag, minlength=count) > 0

    def _ever(self, rule: Rule) -> tuple[Flags, Flags]:
        if rule.reached_at is None:
            held = self.parsed.select(stages.holds(rule, self.crm)).to_series().to_numpy()
            return held, np.ones(len(held), bool)
        time = pl.col(stages.time_of(rule.reached_at))
        when = self.parsed.select(
            (time > pl.col("snapshot")).fill_null(False).alias("after"),
            (time <= pl.col("snapshot")).fill_null(False).alias("before"),
        )
        return when["after"].to_numpy(), ~when["before"].to_numpy()


def seen_rows(table: LeadTable, root: str | Path) -> SeenRows:
    """The rows of a labelled table that may be looked at; reads the source's outcome columns.

    Raises UserError as `read_lead_table` does.
    """
    crm = table.crm
    later = table.rows.filter(pl.col("part").is_in(HELD_OUT))
    inside = ~pl.col("part").is_in(HELD_OUT).fill_null(False) & pl.col("mature")
    rows = table.rows.filter(inside).join(later, on="lead_id", how="anti")
    if later.height:
        # A row after the test part's start is of its time, though no part took it.
        rows = rows.filter(pl.col("snapshot") < _first(later, "test"))
    with open_source(crm, root) as source:
        raw, _ = read_rows(crm, source, True)
    parsed = parsed_columns(blank_missing(raw, crm.missing), crm)
    return SeenRows(crm, rows, parsed[rows["row_id"]])


def _first(rows: pl.DataFrame, part: str) -> pl.Expr:
    first = rows.filter(pl.col("part") == part)["snapshot"].min()
    return pl.lit(first if first is not None else rows["snapshot"].max())
