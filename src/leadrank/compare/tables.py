"""A comparison in words and tables: what a reader of benchmarks/compare/DATA sees first."""

import math
from collections.abc import Mapping, Sequence

from leadrank.compare.measure import PRIMARY, SEEN, Measured, Paired
from leadrank.evaluation.figures import NAMES, written

#: Laid out as the tables of arXiv 2606.04387: the benchmark's, then the industrial test's.
BENCHMARK = ("auc", "average_precision")
INDUSTRIAL = (
    *("auc", "precision@0.1%", "precision@1%", "precision@5%", "precision@10%"),
    *("recall@5%", "lift@10%", "ndcg"),
)
PARTS = ("reads the fields", "reads text, without an LLM", "an LLM")


def markdown(
    measured: Sequence[Measured],
    pairs: Sequence[Paired],
    *,
    head: Sequence[str],
    against: str,
    not_applicable: Mapping[str, str],
    left_out: Mapping[str, str],
) -> str:
    """The page: `head` are its first lines, `against` the reference of the paired table.

    `not_applicable` and `left_out`: which systems are missing, and why.
    """
    ordered = in_order(measured)
    title = {one.result.name: one.result.record["title"] for one in measured}
    lines = [
        *head,
        *_section("Ranking", _ranking(ordered)),
        *_section(f"Against {title[against]}, on the same leads", _paired(pairs, title)),
        _power(pairs),
        *_section("The top of the list", _industrial(ordered)),
        "Order rates and shares; † rests on fewer than 10 orders found: read nothing into it.",
        *_section("Calibration", _calibration(ordered)),
        "Mean absolute error over 15 bins of equal weight; before: sigmoid of the score, where "
        "that is meant as a probability; after: a monotone calibrator fitted on validation.",
        *_section("Not applicable", [f"- {n}: {why}" for n, why in not_applicable.items()]),
        *_section("Left out", [f"- {why}" for why in left_out.values()]),
    ]
    return "\n".join(lines) + "\n"


def in_order(measured: Sequence[Measured]) -> list[Measured]:
    """By what a system reads, then by falling average precision."""
    return sorted(measured, key=lambda m: (_part(m), -m.figures["average_precision"]))


def _part(one: Measured) -> int:
    record = one.result.record
    return 2 if record["llm"] else int(record["reads"] != "fields")


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines, ""] if lines else []


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]


def _ranking(ordered: list[Measured]) -> list[str]:
    columns = ["system", "reads", *(NAMES[n][0] for n in BENCHMARK), "seeds", "seconds"]
    rows = []
    for part, title in enumerate(PARTS):
        mine = [one for one in ordered if _part(one) == part]
        rows += [[f"*{title}*", *[""] * (len(columns) - 1)]] if mine else []
        rows += [_ranked(one) for one in mine]
    return _table(columns, rows)


def _ranked(one: Measured) -> list[str]:
    record = one.result.record
    cells = [f"{_value(one, name)} {_interval(one, name)}" for name in BENCHMARK]
    runs = [f"{len(one.result.seeds)}", f"{one.result.seconds:,.0f}"]
    return [record["title"], record["reads"], *cells, *runs]


def _value(one: Measured, name: str) -> str:
    dagger = "†" if name in one.few_hits else ""
    return written(name, one.figures[name]) + dagger


def _interval(one: Measured, name: str) -> str:
    low, high = one.interval(name)
    spread = one.seed_sd[name]
    seeds = "" if math.isnan(spread) else f", seeds ±{spread:.3f}"
    return f"({low:.3f} to {high:.3f}{seeds})"


def _paired(pairs: Sequence[Paired], title: Mapping[str, str]) -> list[str]:
    by_figure = {name: [p for p in pairs if p.figure == name] for name in PRIMARY}
    order = sorted(by_figure[PRIMARY[0]], key=lambda pair: -pair.difference)
    other = {pair.system: pair for pair in by_figure[PRIMARY[1]]}
    columns = ["system", *(NAMES[name][0] for name in PRIMARY), "verdict"]
    rows = []
    for pair in order:
        both = (pair, other[pair.system])
        rows.append([title[pair.system], *map(_difference, both), _verdict(both[0])])
    return _table(columns, rows) if rows else []


def _difference(pair: Paired) -> str:
    star = "*" if pair.p < 0.05 else ""
    return f"{pair.difference:+.3f}{star} ({pair.low:+.3f} to {pair.high:+.3f})"


def _verdict(pair: Paired) -> str:
    """By average precision, which decides."""
    if pair.low > 0:
        return "better"
    if pair.high < 0:
        return "worse"
    return f"cannot tell below {pair.seen:.3f}"


def _power(pairs: Sequence[Paired]) -> str:
    return (
        f"Differences with 95 % intervals by paired bootstrap over leads. Of {len(pairs)} such "
        f"tests without any true difference about {len(pairs) / 20:.0f} would leave 0 outside "
        "their interval; * holds after Holm's correction over all of them at 5 %. Cannot tell "
        f"below: {SEEN:.1f} standard errors, the smallest true difference in average precision "
        "that this test would have found four times in five."
    )


def _industrial(ordered: list[Measured]) -> list[str]:
    columns = ["system", *(NAMES[name][0] for name in INDUSTRIAL)]
    rows = [
        [one.result.record["title"], *(_value(one, name) for name in INDUSTRIAL)]
        for one in ordered
    ]
    return _table(columns, rows)


def _calibration(ordered: list[Measured]) -> list[str]:
    rows = [
        [
            one.result.record["title"],
            written("ece", one.ece_before),
            written("ece", one.figures["ece"]),
            written("brier", one.figures["brier"]),
        ]
        for one in ordered
    ]
    return _table(["system", "ECE before", "ECE after", "Brier score"], rows)
