"""Policies by name for `leadrank abtest simulate`: what a CRM's user has, yardsticks, and runs.

It lies here because it joins floors: the world that is scored, and the model that scores it.
"""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.errors import UserError
from leadrank.funnel import CrmFile, read_lead_table
from leadrank.funnel.nearest import nearest
from leadrank.world.day_view import DayView
from leadrank.world.dealership import Dealership, Policy
from leadrank.world.oracles import OWN_CODES
from leadrank.world.policies import (
    by_true_effect,
    by_true_probability,
    longest_waiting,
    recency,
    scorecard,
    shuffled,
)

NAMED: dict[str, Policy] = {
    "recency": recency,
    "scorecard": scorecard,
    "longest_waiting": longest_waiting,
    "shuffled": shuffled,
}
#: Learns from the days before the test, in seconds (`abtest_columns`).
LIGHTGBM = "lightgbm"
#: See the hidden state: how much an order of calls can be worth at all.
YARDSTICKS = ("true_effect", "true_probability")
#: Leads that a run reads before the days begin.
TRIED = 8


def is_named(name: str) -> bool:
    """Whether the policy needs no run."""
    return name in NAMED or name in YARDSTICKS or name == LIGHTGBM


def check_policy(name: str) -> None:
    """Raises UserError for what is neither a named policy, a yardstick, nor a run's folder."""
    if is_named(name):
        return
    if Path(name).is_dir():
        from leadrank.training.run_folder import load_run

        load_run(Path(name))
        return
    known = [*NAMED, LIGHTGBM, *YARDSTICKS]
    raise UserError(
        f"no policy {name!r}{nearest(name, known)}; expected {', '.join(known)}, or the folder "
        "of a finished run"
    )


def policy_of(
    name: str, world: Dealership, *, base: str | None, engine: str = "dense"
) -> Policy:
    """The policy of that name in this world; a run's model comes from its folder."""
    if name in NAMED:
        return NAMED[name]
    if name == LIGHTGBM:
        from leadrank.cli.abtest_columns import columns_policy

        return columns_policy(world)
    if name == "true_effect":
        return by_true_effect(world)
    if name == "true_probability":
        return by_true_probability(world)
    return RunPolicy(Path(name), leads=world.settings.leads, base=base, engine=engine)


def try_policy(name: str, world: Dealership, *, base: str | None, engine: str) -> None:
    """Let a run read a few leads of this morning; other policies need no trial.

    Raises UserError where it cannot, which else would be found after the days before the test.
    """
    if not is_named(name):
        view = DayView(world, world.open_leads().lead[:TRIED])
        RunPolicy(Path(name), leads=world.settings.leads, base=base, engine=engine)(view)


class RunPolicy:
    """A finished run scores a lead when there is a new record of it, and keeps the score.

    So a lead's score is of the morning after its last record; that is what a nightly job that
    cannot afford to read everybody again does. `scored` counts readings, `seconds` what they
    took, `unusable` rows that the run's CRM file put in quarantine: those leads come last.
    Codes of stores are left empty, as the run learned in another dealership, where the same
    code meant another store.
    """

    def __init__(
        self, run: Path, *, leads: int, base: str | None, engine: str = "dense"
    ) -> None:
        from leadrank.scoring.saved_model import load_model
        from leadrank.training.run_folder import load_run

        saved = load_model(load_run(run).model_folder, base=base, engine=engine)
        # Unpacked once, not every morning.
        self.saved = replace(saved, model=saved.model.dense())
        self.score = np.full(leads, np.nan)
        self.scored, self.unusable, self.seconds = 0, 0, 0.0

    def __call__(self, view: DayView) -> NDArray:
        """A score for each open lead."""
        stale = np.flatnonzero(view.changed | np.isnan(self.score[view.lead]))
        if len(stale):
            begun = time.monotonic()
            self.score[view.lead[stale]] = self._read(view, stale)
            self.seconds += time.monotonic() - begun
        return self.score[view.lead]

    def _read(self, view: DayView, where: NDArray[np.int64]) -> NDArray[np.float64]:
        from leadrank.scoring.new_leads import score_table, with_tables

        rows, calls, crm = without_codes(view.rows(where)), view.calls(where), self.saved.crm
        with TemporaryDirectory() as folder:
            given = _write_tables(Path(folder), rows, calls, self.saved.crm)
            crm, _ = with_tables(crm, given, Path(folder))
            table = read_lead_table(crm, Path(folder), labelled=False)
        scored = score_table(self.saved, table, dense=False)
        self.scored += len(scored)
        self.unusable += len(rows) - len(scored)
        ids = pl.DataFrame({"lead_id": rows[crm.lead_id].cast(pl.String)})
        found = ids.join(scored, on="lead_id", how="left", maintain_order="left")["score"]
        return found.fill_null(-np.inf).to_numpy()


def without_codes(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the codes that mean something else in another dealership left empty."""
    return rows.with_columns(pl.lit(None, rows.schema[name]).alias(name) for name in OWN_CODES)


def _write_tables(
    folder: Path, rows: pl.DataFrame, calls: pl.DataFrame, crm: CrmFile
) -> list[str]:
    """The morning's tables under the names of the CRM file, as `--data` would give them."""
    events = crm.text.events.table if crm.text.events else None
    leads = [name for name in crm.source.tables if name != events]
    if len(leads) != 1:
        raise UserError(
            f"{crm.name}: the simulated dealership gives one table of leads and one of calls; "
            f"this run was trained on {', '.join(crm.source.tables) or 'a database'}"
        )
    rows.write_parquet(folder / "leads.parquet")
    given = [f"{leads[0]}={folder / 'leads.parquet'}"]
    if events is not None:
        calls.write_parquet(folder / "calls.parquet")
        given.append(f"{events}={folder / 'calls.parquet'}")
    return given
