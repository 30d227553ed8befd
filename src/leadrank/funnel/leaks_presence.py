"""Values that exist only once something has happened: their mere presence is the outcome."""

from collections.abc import Iterator

import polars as pl
from scipy.stats import binom

from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.leaks_rows import Flags, SeenRows

#: Of the leads with the value, at least so many had the outcome.
PURE = 0.99
#: Outcomes that nearly everybody has tell nothing.
MOST_BASE = 0.9
LEAST_LEADS = 5
#: Chance of one false alarm in a table without leaks, over all columns and outcomes.
ALPHA = 1e-3


def present_only_after(seen: SeenRows) -> Iterator[Leak]:
    """Fields that are filled in only for leads that reached a stage, or were lost.

    A value counts where it is not the field's usual one, which is what more than half of the
    rows have, or no value at all. Of L leads with the value, H had the outcome: alarm where
    `H / L >= 0.99` and chance gives as many, `P(Binomial(L, base rate) >= H)`, with less than
    0.001 over (fields times outcomes).
    """
    fields = seen.crm.fields
    columns = [field.column for field in (*fields.numeric, *fields.categorical)]
    tests = len(columns) * len(seen.outcomes)
    for column in columns:
        unusual, said = _unusual(seen.rows[column])
        found = [
            leak
            for name, (happened, counts) in seen.outcomes.items()
            if (leak := _only_after(seen, column, said, unusual, name, happened, counts, tests))
        ]
        yield from found[:1]  # the deepest stage; the others follow from it


def _unusual(values: pl.Series) -> tuple[Flags, str]:
    """Where a value is not the usual one, and how to say so."""
    height = max(1, len(values))
    missing = values.is_null().to_numpy()
    if missing.mean() >= 0.5 or values.drop_nulls().is_empty():
        return ~missing, "has a value"
    usual = values.drop_nulls().mode().sort()[0]
    same = (values == usual).fill_null(False).to_numpy()
    if same.sum() / height > 0.5:
        return ~missing & ~same, f"is not {usual!r}"
    return ~missing, "has a value"


def _only_after(
    seen: SeenRows,
    column: str,
    said: str,
    unusual: Flags,
    outcome: str,
    happened: Flags,
    counts: Flags,
    tests: int,
) -> Leak | None:
    leads = seen.by_lead(unusual & counts)
    had = seen.by_lead(happened & counts)
    with_value, hits = int(leads.sum()), int((leads & had).sum())
    base = float(had.sum() / max(1, seen.by_lead(counts).sum()))
    if with_value < LEAST_LEADS or base > MOST_BASE or hits < PURE * with_value:
        return None
    chance = float(binom.sf(hits - 1, with_value, base))
    if chance * tests >= ALPHA:
        return None
    return Leak(
        "presence",
        column,
        True,
        f"It {said} for {with_value:,} leads, and {hits:,} of them later {outcome}, where "
        f"{base:.1%} of all leads did: it is filled in afterwards.",
    )
