"""A comparison in words and tables: what a reader of benchmarks/compare/DATA sees first."""

import math
from collections.abc import Mapping, Sequence

from leadrank.compare.measure import PRIMARY, SEEN, Measured, Paired
from leadrank.evaluation.figures import NAMES, written
from leadrank.funnel.split import FEWEST

#: Laid out as the tables of arXiv 2606.04387: the benchmark's, then the industrial test's.
BENCHMARK = ("auc", "average_precision")
INDUSTRIAL = (
    *("auc", "precision@0.1%", "precision@1%", "recall@5%"),
    *("precision@5%", "precision@10%", "lift@10%", "ndcg"),
)
#: What the paper reports on its own data: AUC; then AUC and shares at 0.1 %, 1 % and 5 %. Not
#: what it reports with the Yes/No answer and pairs, which no head on frozen vectors has here.
PAPER_BENCHMARK = {
    **{"wide_deep": ".7860", "deepfm": ".7917", "xdeepfm": ".7808", "dcn": ".7862"},
    **{"autoint": ".7896", "asllr": ".7921"},
}
PAPER_INDUSTRIAL = {
    "funnel_recency": ".6332, 3.28, 1.50, 9.23",
    "two_stage": ".6898, 7.21, 1.90, 18.76",
    "stage_feature": ".7382, 14.41, 10.14, 21.85",
}
PARTS = ("reads the fields", "reads text, without an LLM", "an LLM")


def markdown(
    measured: Sequence[Measured],
    pairs: Sequence[Paired],
    *,
    head: Sequence[str],
    against: str,
    not_applicable: Mapping[str, str],
    left_out: Mapping[str, str],
    failed: Mapping[str, str],
    capacity: int | None = None,
    over_origins: Sequence[Paired] = (),
    not_averaged: Sequence[str] = (),
    origins: int = 1,
) -> str:
    """The page: `head` are its first lines, `against` the reference of the paired table.

    `not_applicable`, `failed`, `left_out`: which systems are missing, and why; `capacity`:
    leads that each list has calls for; `over_origins`: differences averaged over so many
    `origins`, without the systems `not_averaged`.
    """
    ordered = in_order(measured)
    title = {one.result.name: one.result.record["title"] for one in measured}
    lines = [
        *head,
        *_section("Ranking, as the paper's benchmark", _ranking(ordered)),
        *_seconds(ordered),
        *_section("How each was tuned", _terms(ordered)),
        *_section(f"Against {title[against]}, on the same leads", _paired(pairs, title)),
        _power(pairs),
        *_section(f"Averaged over {origins} test windows", _paired(over_origins, title)),
        *([_power(over_origins)] if over_origins else []),
        *_section("Not in every test window", [f"- {name}" for name in not_averaged]),
        *_section("The top of the list, as the paper's industrial test", _industrial(ordered)),
        "Order rates and shares; † rests on fewer than 10 orders found: read nothing into it.",
        *_section("Call lists", _lists(ordered, capacity)),
        *_section("Calibration", _calibration(ordered)),
        "Mean absolute error over 15 bins of equal weight; before: sigmoid of the score, where "
        "that is meant as a probability; after: a monotone calibrator fitted on validation, "
        "with its basic bootstrap interval; by chance: what exactly right probabilities would "
        "show on so many rows.",
        *_section("Not applicable", [f"- {n}: {why}" for n, why in not_applicable.items()]),
        *_section("Failed", [f"- {n}: {why}" for n, why in failed.items()]),
        *_section("Left out", [f"- {_named(n, why)}" for n, why in left_out.items()]),
    ]
    return "\n".join(lines) + "\n"


def in_order(measured: Sequence[Measured]) -> list[Measured]:
    """By what a system reads, then by falling average precision."""
    return sorted(measured, key=lambda m: (_part(m), -m.figures["average_precision"]))


def _named(name: str, why: str) -> str:
    """What is said of a system, with its name once."""
    return why if why.startswith(f"{name}: ") else f"{name}: {why}"


def _part(one: Measured) -> int:
    record = one.result.record
    return 2 if record["llm"] else int(record["reads"] != "fields")


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines, ""] if lines else []


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]


def _ranking(ordered: list[Measured]) -> list[str]:
    columns = ["system", "reads", *(NAMES[n][0] for n in BENCHMARK)]
    columns += ["AUC in the paper", "seeds", "seconds"]
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
    paper = PAPER_BENCHMARK.get(one.result.name, "")
    return [_titled(one), record["reads"], *cells, paper, *runs]


def _seconds(ordered: list[Measured]) -> list[str]:
    said = "Seconds: of all seeds, tuning with them, on the machine that ran them."
    if not any(one.result.record["llm"] for one in ordered):
        return [said]
    frozen = sum(one.result.frozen_seconds for one in ordered)
    return [
        f"{said} The LLM's pass over the prompts is not in them: {frozen:,.0f} s for all "
        "systems that read its vectors, next to nothing where an earlier command had kept it. "
        "A run's are those of its training, that pass with them. What one system leaves for "
        "another in the same command is paid by the first: a head's probe, HPRO's heads for "
        "LightGBM stacked on them."
    ]


def _terms(ordered: list[Measured]) -> list[str]:
    """A line for each way to tune, with the systems that were tuned so."""
    titles: dict[str, list[str]] = {}
    for one in ordered:
        titles.setdefault(one.result.record["terms"], []).append(one.result.record["title"])
    return [f"- {'; '.join(names)}: {terms}." for terms, names in titles.items()]


def _titled(one: Measured) -> str:
    """The title; where rows were sampled, how many, and that its AP is biased."""
    title, scored = one.result.record["title"], one.result.num_scored
    return f"{title} ({scored:,} rows sampled, AP too high)" if one.sampled else title


def _value(one: Measured, name: str) -> str:
    dagger = "†" if name in one.few_hits else ""
    return written(name, one.figures[name]) + dagger


def _interval(one: Measured, name: str) -> str:
    low, high = one.interval(name)
    spread = one.seed_sd[name]
    known = [f"{low:.3f} to {high:.3f}"] * (not math.isnan(low))
    known += [f"seeds ±{spread:.3f}"] * (not math.isnan(spread))
    return f"({', '.join(known)})" if known else ""


def _paired(pairs: Sequence[Paired], title: Mapping[str, str]) -> list[str]:
    by_figure = {name: [p for p in pairs if p.figure == name] for name in PRIMARY}
    order = sorted(by_figure[PRIMARY[0]], key=lambda pair: -pair.difference)
    other = {pair.system: pair for pair in by_figure[PRIMARY[1]]}
    columns = ["system"]
    for name in PRIMARY:
        columns += [NAMES[name][0], "could have seen"]
    rows = []
    for pair in order:
        cells = []
        for one in (pair, other[pair.system]):
            cells += [_difference(one), "" if math.isnan(one.seen) else f"{one.seen:.3f}"]
        exact = other[pair.system].delong
        cells.append("" if exact is None else f"{exact[0]:+.3f} to {exact[1]:+.3f}")
        verdict = f"{_verdict(other[pair.system])}, by AUC" if pair.sampled else _verdict(pair)
        rows.append([title[pair.system], *cells, verdict])
    return _table([*columns, "AUC by DeLong", "verdict"], rows) if rows else []


def _difference(pair: Paired) -> str:
    star = "*" if pair.p < 0.05 else ""  # NaN, where there is no test, is none
    interval = "" if math.isnan(pair.low) else f" ({pair.low:+.3f} to {pair.high:+.3f})"
    return f"{pair.difference:+.3f}{star}{interval}"


def verdict(low: float | None, high: float | None) -> str:
    """What an interval of a difference says; one that is not defined says nothing."""
    if low is not None and low > 0:
        return "better"
    if high is not None and high < 0:
        return "worse"
    return "cannot tell"


def _verdict(pair: Paired) -> str:
    if math.isnan(pair.low):
        return f"cannot tell: under {FEWEST} leads ordered, or did not"
    said = verdict(pair.low, pair.high)
    return f"{said} below {pair.seen:.3f}" if said == "cannot tell" else said


def _power(pairs: Sequence[Paired]) -> str:
    tests = sum(not math.isnan(pair.p) for pair in pairs)
    if not tests:
        return "Differences have no intervals."
    return (
        f"Differences with 95 % intervals by paired bootstrap over leads. Of {tests} such "
        f"tests without any true difference about {tests / 20:.1f} would leave 0 outside "
        "their interval; * holds after Holm's correction over all of them at 5 %. Could have "
        f"seen: {SEEN:.1f} standard errors, the smallest true difference that this test would "
        "have found four times in five. The verdict is by average precision; by AUC where rows "
        "were sampled, since that makes average precision too high. DeLong's interval of the "
        "AUC, without draws, is a check of the bootstrap's."
    )


def _industrial(ordered: list[Measured]) -> list[str]:
    columns = ["system", *(NAMES[name][0] for name in INDUSTRIAL)]
    columns.append("in the paper: AUC, top 0.1 %, top 1 %, found in the top 5 %")
    rows = [
        [
            one.result.record["title"],
            *(_value(one, name) for name in INDUSTRIAL),
            PAPER_INDUSTRIAL.get(one.result.name, ""),
        ]
        for one in ordered
    ]
    return _table(columns, rows)


def _lists(ordered: list[Measured], capacity: int | None) -> list[str]:
    """Nothing without lists; a line on the capacity where the CRM file gives none."""
    listed = [one for one in ordered if "auc_between" in one.figures]
    if not listed:
        return []
    names = {"list_auc": "AUC within lists", "auc_between": "AUC between lists"}
    if capacity is not None:
        names = {"list_precision": f"order rate in a list's first {capacity}", **names}
    rows = [
        [
            one.result.record["title"],
            *(f"{one.figures[name]:.3f}{_span(one, name)}" for name in names),
        ]
        for one in listed
    ]
    share = listed[0].figures["pairs_within"]
    table = _table(["system", *names.values()], rows)
    said = (
        f"Of all pairs of an order and another lead {share:.2%} are within a list; AUC is the "
    )
    said += "mean of the two, so weighted."
    if capacity is None:
        said += " No `group.capacity` in the CRM file, so the first calls are not measured."
    else:
        said += " First calls have no interval: a draw of leads breaks the lists."
    return [*table, "", said]


def _span(one: Measured, name: str) -> str:
    low, high = one.interval(name)
    return "" if math.isnan(low) else f" ({low:.3f} to {high:.3f})"


def _calibration(ordered: list[Measured]) -> list[str]:
    rows = [
        [
            one.result.record["title"],
            written("ece", one.ece_before),
            f"{written('ece', one.figures['ece'])}{_span(one, 'ece')}",
            written("ece", one.figures["ece_chance"]),
            written("brier", one.figures["brier"]),
        ]
        for one in ordered
    ]
    return _table(["system", "ECE before", "ECE after", "ECE by chance", "Brier score"], rows)
