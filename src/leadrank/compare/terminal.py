"""comparison.json in the 80 columns of a terminal; comparison.md has the rest."""

import textwrap
from collections.abc import Mapping
from typing import Any

from leadrank.compare.measure import PRIMARY
from leadrank.compare.tables import verdict

WIDTH = 80
NAME, FIGURE = 18, 22  # columns
MISSING = ("failed", "not_applicable", "left_out", "not_averaged")
HEADS = {"average_precision": "average precision", "auc": "AUC"}


def summary(document: Mapping[str, Any]) -> str:
    """The primary figures of each system and its differences, no line longer than WIDTH."""
    test = document["test"]
    said = (
        f"{document['data']}: {test['rows']:,} test rows, {test['orders']:,} orders; a ranking "
        f"by chance has AUC 0.5 and average precision {test['order_rate']:.3f}"
    )
    lines = [
        "",
        *textwrap.wrap(said, WIDTH),
        "",
        _line("system", *(HEADS[name] for name in PRIMARY)),
    ]
    figures = {(row["system"], row["metric"]): row for row in document["rows"]}
    for name in dict.fromkeys(row["system"] for row in document["rows"]):
        lines.append(_line(name, *(_value(figures[name, one]) for one in PRIMARY)))
    lines += _differences(document["paired"], f"minus {document['against']}")
    windows = f"the same, averaged over {document['origins']} test windows"
    lines += _differences(document["over_origins"], windows)
    lines += ["", *textwrap.wrap(SAID, WIDTH)]
    for kind in MISSING:
        if document[kind]:
            said = f"{kind.replace('_', ' ')}: {', '.join(document[kind])}"
            lines += textwrap.wrap(said, WIDTH)
    return "\n".join(line.rstrip() for line in lines)


SAID = (
    "95 % intervals, bootstrap over leads. The verdict is by average precision, of sampled "
    "systems by AUC, and knows nothing of how many systems were tried; * holds for all of "
    "them together."
)


def _differences(pairs: list[Mapping[str, Any]], head: str) -> list[str]:
    by_name = {(pair["system"], pair["figure"]): pair for pair in pairs}
    names = dict.fromkeys(pair["system"] for pair in pairs)
    first = PRIMARY[0]
    order = sorted(names, key=lambda name: -by_name[name, first]["difference"])
    lines = ["", *textwrap.wrap(head, WIDTH)] if pairs else []
    for name in order:
        both = [by_name[name, figure] for figure in PRIMARY]
        judged = both[both[0]["sampled"]]
        said = verdict(judged["low"], judged["high"])
        lines.append(_line(name, *(_difference(one) for one in both), said))
    return lines


def _line(name: str, *cells: str) -> str:
    short = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
    return "  ".join([short.ljust(NAME), *(cell.ljust(FIGURE) for cell in cells)])


def _value(row: Mapping[str, Any]) -> str:
    value, low, high = (row[name] for name in ("value", "low", "high"))
    span = "" if low is None else f" ({low:.3f} to {high:.3f})"
    return "n/a" if value is None else f"{value:.3f}{span}"


def _difference(pair: Mapping[str, Any]) -> str:
    numbers = [pair[name] for name in ("difference", "low", "high")]
    gap, low, high = (
        "n/a" if one is None else f"{one:+.3f}".replace("0.", ".") for one in numbers
    )
    if pair["low"] is None:
        return f"{gap} (too few)"
    star = "*" if pair["p"] is not None and pair["p"] < 0.05 else " "
    return f"{gap}{star}({low} to {high})"
