"""The leakage guard: what in a table knows the outcome, named with evidence.

It looks at outcomes of the training part and of rows that no part took, never of validation or
test. No check can know when a value was written: a leak as weak as an honest field, under an
innocent name, passes.
"""

from collections.abc import Iterable
from pathlib import Path

from leadrank.errors import UserError
from leadrank.funnel.lead_table import LeadTable
from leadrank.funnel.leaks_found import Leak, describe_leaks
from leadrank.funnel.leaks_names import named_later, soft_inputs
from leadrank.funnel.leaks_presence import present_only_after
from leadrank.funnel.leaks_rates import own_outcomes
from leadrank.funnel.leaks_rows import SeenRows, seen_rows
from leadrank.funnel.leaks_strength import too_strong
from leadrank.funnel.leaks_text import foretelling_phrases
from leadrank.funnel.leaks_times import later_times, stamped_notes
from leadrank.funnel.leaks_units import other_ids, rows_twice, shared_leads


def find_leaks(table: LeadTable, root: str | Path) -> list[Leak]:
    """Everything that the guard finds in a labelled table, each column once, surest first.

    `root`: what the CRM file's paths are relative to; the source is read again for the times
    of outcomes. Raises UserError as `read_lead_table` does.
    """
    return found_in(table, seen_rows(table, root), root)


def found_in(table: LeadTable, seen: SeenRows, root: str | Path) -> list[Leak]:
    """As `find_leaks`, of rows that are read already."""
    units = [*shared_leads(table), *rows_twice(table), *other_ids(table, root)]
    if not len(seen.label):
        return units
    fields = _once([*soft_inputs(seen), *later_times(seen), *present_only_after(seen)])
    fields = _once([*fields, *own_outcomes(seen, table.rows)])
    names = list(named_later(seen))
    aside = {leak.column for leak in (*fields, *names)}
    fields = _once([*fields, *too_strong(seen, aside), *names])
    return [*units, *fields, *stamped_notes(seen), *foretelling_phrases(seen)]


def leak_report(table: LeadTable, root: str | Path) -> tuple[str, list[Leak]]:
    """What `leadrank check --leaks` prints, and what was found."""
    seen = seen_rows(table, root)
    found = found_in(table, seen, root)
    return describe_leaks(found, seen.rows.height), found


def refuse_leaks(table: LeadTable, root: str | Path, *, also_unsure: bool) -> None:
    """UserError naming every leak; of those that must be asked about with `also_unsure`."""
    report, found = leak_report(table, root)
    if any(leak.sure or also_unsure for leak in found):
        raise UserError(
            f"{table.crm.path}: data.leaks refuses to train on this table.\n{report}"
        )


def _once(leaks: Iterable[Leak]) -> list[Leak]:
    """The first finding about each column."""
    found: dict[str, Leak] = {}
    for leak in leaks:
        found.setdefault(leak.column, leak)
    return list(found.values())
