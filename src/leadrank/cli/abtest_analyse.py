"""`leadrank abtest analyse`: what a test says, by what was planned of it.

A running test must not pass for a finished one, so its planned length is never guessed.
"""

from argparse import Namespace

from leadrank.errors import UserError
from leadrank.online import Analysis, analyse, read_unit_table
from leadrank.online.checks import with_plan
from leadrank.online.plan import terms_of
from leadrank.online.unit_table import read_rows

#: The flag of each term of a plan, and its value where neither says it.
FLAGS = {"days": "days", "lag_days": "skip_days", "looks": "looks", "share": "share"}
DEFAULTS = {"days": None, "lag_days": 0, "looks": 20, "share": 0.5}


def analyse_table(chosen: Namespace, columns: dict[str, str]) -> Analysis:
    """The analysis of `chosen.table` by `chosen.plan`, or by the flags.

    Raises UserError where flags contradict the plan, where neither says how long a test by day
    was to be, and for what the table itself cannot be used for.
    """
    rows = read_rows(chosen.table)
    notes: list[str] = []
    terms: dict[str, float] = {}
    by_day = columns.get("day", "day") in rows.columns
    if chosen.plan is not None:
        plan = read_rows(chosen.plan)
        terms = terms_of(plan)
        unit, arm = columns.get("unit", "unit"), columns.get("arm", "arm")
        rows, notes = with_plan(rows, plan, unit=unit, arm=arm)
    table = read_unit_table(rows, name=str(chosen.table), columns=columns)
    settings = _settings(chosen, terms, by_day=by_day)
    if terms and not by_day:
        first, last = terms.get("lag_days", 0) + 1, terms.get("days", "the last")
        notes.append(f"no column day: orders are taken to be of days {first} to {last}")
    return analyse(
        table, planned_days=settings["days"] if by_day else None, looks=settings["looks"],
        skip_days=settings["lag_days"] if by_day else 0, share=settings["share"],
        notes=tuple(notes),
    )  # fmt: skip


def _settings(chosen: Namespace, terms: dict[str, float], *, by_day: bool) -> dict:
    """Each term by the plan, else by its flag, else by default."""
    given = {name: getattr(chosen, flag) for name, flag in FLAGS.items()}
    problems = [
        f"--{FLAGS[name].replace('_', '-')} {value}: the plan says {terms[name]}; leave it out"
        for name, value in given.items()
        if value is not None and terms.get(name, value) != value
    ]
    if not by_day and (chosen.days is not None or chosen.skip_days is not None):
        problems.append(
            f"{chosen.table}: no column day, so these are the totals of a whole test: leave "
            "--days and --skip-days out, or say with --column day=COLUMN which one is meant"
        )
    told = {name: value for name, value in given.items() if value is not None}
    settings = {**DEFAULTS, **told, **terms}
    if by_day and settings["days"] is None:
        problems.append(
            f"{chosen.table} has a column day, but nothing says how long the test was to be, "
            "and what a day's look is worth depends on it: give --plan (what design wrote) or "
            "--days"
        )
    if problems:
        raise UserError("\n".join(problems))
    return settings
