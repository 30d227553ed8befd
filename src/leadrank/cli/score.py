"""`leadrank score` and `leadrank test`: a finished run's model on new leads and on its own."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from leadrank.cli.engine_flag import say_engine
from leadrank.errors import UserError
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.funnel.notes import NoteCounts
from leadrank.preference import ranking_metrics
from leadrank.scoring.call_list import (
    call_list,
    format_call_list,
    grade_of,
    in_zone,
    write_call_list,
)
from leadrank.scoring.new_leads import score_table, with_tables
from leadrank.scoring.saved_model import CRM, load_model
from leadrank.training.root import data_root
from leadrank.training.run_folder import load_run

#: Scores may differ by so much between batches, machines and 4 bit or dense.
TOLERANCE = 1e-3


def run_score(chosen: Namespace) -> int:
    """Ranks new leads and writes the list."""
    if chosen.out.suffix not in (".parquet", ".csv"):
        raise UserError(f"--out {chosen.out}: expected a name that ends in .parquet or .csv")
    if chosen.engine != "dense" and chosen.four_bit:
        raise UserError(
            f"--engine {chosen.engine} unpacks the weights, and --four-bit keeps them packed"
        )
    folder = load_run(chosen.run).model_folder
    of_run = load_crm_file(folder / CRM)
    root = data_root(of_run, chosen.root)
    # Before the model, which takes seconds: a file that is missing is said at once.
    crm, left = with_tables(of_run, chosen.data, root)
    say_engine(chosen.engine)
    saved = load_model(folder, base=chosen.base, engine=chosen.engine)
    for table_and_file in left:
        print(f"not given with --data, so read from the data root: {table_and_file}")
    # Files that were all given need no data root.
    table = read_lead_table(crm, root if left else Path(), labelled=False)
    _say_quarantine(table.report.quarantine, chosen.out)
    _say_notes(table.report.notes)
    scored = score_table(saved, table, dense=not chosen.four_bit)
    ranked = scored.with_columns(grade=grade_of(saved.base_rate)).sort("rank")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    if chosen.out.suffix == ".csv":
        write_call_list(in_zone(ranked, crm.timezone), chosen.out)
    else:
        ranked.write_parquet(chosen.out)
    print(f"{len(ranked):,} leads ranked in {chosen.out}")
    calls = call_list(ranked, base_rate=saved.base_rate, timezone=crm.timezone)
    print(format_call_list(calls))
    return 0


def _say_quarantine(quarantine: pl.DataFrame, out: Path) -> None:
    if quarantine.is_empty():
        return
    file = out.with_suffix(".quarantine.csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    quarantine.write_csv(file)
    rows = quarantine["row_id"].n_unique()
    print(f"{rows:,} unusable rows were not scored; {file} says why")


def _say_notes(notes: NoteCounts) -> None:
    dropped = [f"{count:,} {why}" for why, count in notes.dropped().items() if count]
    if dropped:
        print(f"notes that were not read: {', '.join(dropped)}")


def run_test(chosen: Namespace) -> int:
    """Measures the saved model on the run's test part again, beside what the run said."""
    run = load_run(chosen.run)
    saved = load_model(run.model_folder, base=chosen.base)
    table = read_lead_table(saved.crm, data_root(saved.crm, chosen.root))
    said = run.predictions.select("row_id", "label", "weight", said="score")
    tested = table.rows.join(said, on="row_id", how="semi", maintain_order="left")
    scored = score_table(saved, replace(table, rows=tested), dense=not chosen.four_bit)
    both = said.join(scored, on="row_id", how="left", maintain_order="left")
    if both["score"].null_count():
        raise UserError(
            f"{chosen.run}: {both['score'].null_count()} of its test rows are not in the "
            "table any more; test it on the table that it was trained with"
        )
    columns = (torch.tensor(both[c].to_numpy()) for c in ("score", "label", "weight"))
    figures = ranking_metrics(*columns)
    difference = float(np.abs(both["score"] - both["said"]).max())
    for name in ("auc", "average_precision"):
        print(f"{name:<20}{figures[name]:.4f}  (the run said {run.metrics['test'][name]:.4f})")
    print(f"largest difference of a score: {difference:.1e} (allowed {TOLERANCE:g})")
    return int(difference > TOLERANCE)
