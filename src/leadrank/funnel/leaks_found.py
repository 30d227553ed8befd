"""What the leakage guard found, and how it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

WIDTH = 80

LeakKind = Literal[
    "presence", "strength", "name", "soft signal", "time", "text", "rate", "lead", "rows twice"
]


@dataclass(frozen=True)
class Leak:
    """Something that knows the outcome, or that makes training and test rows one.

    Args:
        kind: what gave it away.
        column: the field, text or id that it is about.
        sure: whether the table itself proves it; where not, somebody must be asked.
        evidence: in sentences, with the numbers.
    """

    kind: LeakKind
    column: str
    sure: bool
    evidence: str


def describe_leaks(found: Sequence[Leak], rows: int) -> str:
    """At most 80 columns of plain text: what is known only later, and what to ask about.

    `rows`: how many rows' outcomes were looked at.
    """
    head = (
        f"leakage guard: looked at the outcomes of {rows:,} rows, of train or of no part, "
        "and at none of validation or test."
    )
    sure, ask = ([leak for leak in found if leak.sure is flag] for flag in (True, False))
    lines = wrap(head, WIDTH)
    if not found:
        lines.append("It found nothing that knows the outcome.")
    for title, leaks in (
        (f"These know what came later ({len(sure)}):", sure),
        (f"Ask when these are written ({len(ask)}):", ask),
    ):
        if leaks:
            lines += ["", title, *(line for leak in leaks for line in _told(leak))]
    if found:
        lines += ["", *wrap(REMEDY, WIDTH)]
    return "\n".join(lines)


REMEDY = (
    "Take such columns out of `fields` and `text` and list them under `forbidden`. What this "
    "guard does not find may leak all the same: it cannot know when a value was written."
)


def _told(leak: Leak) -> list[str]:
    text = f"{leak.column} ({leak.kind}): {leak.evidence}"
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
