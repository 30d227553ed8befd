"""`leadrank margins`: the margin lab on one CRM."""

import logging
import shlex
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

from leadrank.compare.presets import experiment_files, read_experiment
from leadrank.compare.study import open_study
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.funnel.split import FEWEST
from leadrank.lab.cells import RATES, SHARES, run_cells
from leadrank.lab.measure import Test, measure
from leadrank.lab.report import page, write_lab
from leadrank.lab.trials import REFERENCE, Trial, trials_of
from leadrank.preference.intervals import too_few
from leadrank.training.root import filed_as, named_crm

SMOKE_ROWS, SMOKE_TOKENS, SMOKE_LAYERS = 64, 64, 2


def run_margins(chosen: Namespace, words: list[str]) -> int:
    """Runs what the folder lacks, prints the page and writes it."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    crm, shares = named_crm(chosen.experiments, chosen.data), _shares(chosen.shares)
    flags = [f"--data.crm={crm}", *([f"--data.root={chosen.root}"] if chosen.root else [])]
    if chosen.smoke:
        flags += [f"--data.max_rows={SMOKE_ROWS}", f"--data.prompt.max_tokens={SMOKE_TOKENS}"]
        flags += [f"--model.encoder.layers={SMOKE_LAYERS}"]
    base = read_experiment(experiment_files(chosen.experiments, chosen.exp), flags)
    encoder = replace(base.ranker.encoder_settings, adapt="none", adapt_from=0)
    study, rows = open_study(base.data, encoder, experiments=chosen.experiments)
    test = _test(rows)
    if not chosen.smoke and too_few(test.label, test.lead):
        raise UserError(
            f"{crm}: fewer than {FEWEST} leads of the test part ordered, or did not; no "
            "difference between trials could be told. Give the test part more days"
        )
    trials = _trials(trials_of(study.data.funnel), chosen.trials)
    out = chosen.out or Path("benchmarks/margins", filed_as(crm) + "-smoke" * chosen.smoke)
    cells = run_cells(
        study,
        trials,
        out,
        shares=shares[:1] if chosen.smoke else shares,
        seeds=1 if chosen.smoke else chosen.seeds,
        rates=RATES[:1] if chosen.smoke else RATES,
        epochs=1 if chosen.smoke else 20,
    )
    gaps = measure(cells, test, draws=50 if chosen.smoke else 400)
    command = shlex.join(["leadrank", "margins", *words])
    text = page(gaps, trials, title=study.table.crm.name, command=command)
    write_lab(out, text, gaps, trials)
    print(text)
    print(f"Written to {out}")
    return 0


def _test(rows: pl.DataFrame) -> Test:
    """In the order of the table, as cells score them."""
    rows = rows.sort("position")
    label, weight = (
        torch.from_numpy(rows[name].cast(pl.Float64).to_numpy().copy())
        for name in ("label", "weight")
    )
    lead = rows["lead_id"].rank("dense").cast(pl.Int64) - 1
    return Test(label, weight, torch.from_numpy(lead.to_numpy().copy()))


def _shares(word: str | None) -> list[float]:
    if word is None:
        return list(SHARES)
    try:
        found = [float(one) for one in word.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < one <= 1 for one in found):
        raise UserError(f"--shares {word}: expected shares of the orders like 1,0.3,0.1,0.03")
    return found


def _trials(known: tuple[Trial, ...], word: str | None) -> list[Trial]:
    names = [trial.name for trial in known]
    asked = [one.strip() for one in (word or ",".join(names)).split(",")]
    wrong = [f"no trial {one!r}{nearest(one, names)}" for one in asked if one not in names]
    if wrong:
        raise UserError("\n".join([*wrong, f"the trials: {', '.join(names)}"]))
    return [trial for trial in known if trial.name in (*asked, REFERENCE)]
