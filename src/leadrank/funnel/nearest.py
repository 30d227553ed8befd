"""The nearest valid name for a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the valid name nearest to `name`, or nothing."""
    by_fold = {v.casefold(): v for v in valid}
    found = get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.5)
    return f"; did you mean {by_fold[found[0]]!r}?" if found else ""
