"""`leadrank check`: what a CRM file makes of its table, and what is wrong with it."""

from argparse import Namespace
from pathlib import Path

import polars as pl

from leadrank.funnel import UnusableRowsError, describe, load_crm_file, read_lead_table
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
    _write(table.report.quarantine, chosen.quarantine)
    if not chosen.leaks:
        return 0
    # It brings scikit-learn along, which takes a second.
    from leadrank.funnel.leaks import leak_report

    report, found = leak_report(table, root)
    print(report)
    return int(any(leak.sure for leak in found))


def _write(quarantine: pl.DataFrame, file: Path | None) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        quarantine.write_csv(file)
