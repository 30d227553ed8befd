"""`leadrank check`: what a CRM file makes of its table, and what is wrong with it."""

from argparse import Namespace
from pathlib import Path
from textwrap import fill

import polars as pl

from leadrank.funnel import (
    LeadTable,
    UnusableRowsError,
    describe,
    load_crm_file,
    read_lead_table,
)
from leadrank.funnel.leaks import leak_report
from leadrank.funnel.split import PARTS
from leadrank.preference.intervals import FEWEST
from leadrank.training.root import data_root


def run_check(chosen: Namespace) -> int:
    """Prints what was read; 1 where `--leaks` proves an input that knows the outcome."""
    crm = load_crm_file(chosen.crm)
    root = data_root(crm, chosen.root)
    try:
        table = read_lead_table(crm, root)
    except UnusableRowsError as error:
        _write(error.quarantine, chosen.quarantine)
        raise
    print(describe(table))
    print(few_orders(table), end="")
    _write(table.report.quarantine, chosen.quarantine)
    if not chosen.leaks:
        return 0
    report, found = leak_report(table, root)
    print(report)
    return int(any(leak.sure for leak in found))


def few_orders(table: LeadTable) -> str:
    """A warning of at most 80 columns where too few leads of a part ordered; else empty."""
    rows = table.rows
    if rows["label"].null_count() == rows.height:
        return ""
    ordered = rows.filter(pl.col("mature") & (pl.col("label") == 1))
    found = {
        part: ordered.filter(pl.col("part") == part)["lead_id"].n_unique() for part in PARTS
    }
    few = [f"{part} {count}" for part, count in found.items() if count < FEWEST]
    if not few:
        return ""
    return (
        fill(
            f"Too few leads ordered: {', '.join(few)}. Below {FEWEST} a part teaches next to "
            "nothing, and no difference between models can be told on it. Give a longer "
            "history, other days to the parts (split), or a last stage that more leads reach.",
            80,
        )
        + "\n"
    )


def _write(quarantine: pl.DataFrame, file: Path | None) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        quarantine.write_csv(file)
