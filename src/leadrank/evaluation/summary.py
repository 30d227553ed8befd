"""What a run prints when it ends: at most 80 columns of plain text."""

import textwrap
from collections.abc import Mapping
from typing import Any

from leadrank.evaluation.figures import NAMES, systems
from leadrank.evaluation.verdict import evidence, scope, selection, standing, verdict

WIDTH = 80
SHOWN = (
    "auc",
    "average_precision",
    "precision@1%",
    "precision@5%",
    "recall@5%",
    "lift@10%",
    "pair_accuracy",
    "ece",
)


def summary(
    metrics: Mapping[str, Any],
    call_list: str,
    *,
    run: str,
    paired: Mapping[str, Mapping[str, list[float]]],
) -> str:
    """The verdict, the main figures beside LightGBM, the run folder and who to call first.

    `call_list` is the list's first lines as text, `run` the run's folder, `paired` what
    `paired_differences` gave. No line is wider than 80 columns, but for a longer folder.
    """
    test = metrics["test"]
    lines = [
        *textwrap.wrap(scope(metrics), WIDTH),
        *textwrap.wrap(verdict(metrics, paired["lightgbm"]), WIDTH),
        *textwrap.wrap(evidence(metrics, paired["lightgbm"]), WIDTH),
        *textwrap.wrap(selection(metrics), WIDTH),
        *textwrap.wrap(standing(metrics, paired), WIDTH),
        "",
        f"{test['n']:,} test rows, {test['positives']:,} orders; 95 % intervals over leads",
        *_figures(metrics),
        "",
        call_list,
        "",
        f"Run folder: {run}",
    ]
    return "\n".join(lines)


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    shown = systems(metrics)
    head = f"{'':<27} {shown[0].name:>8}  {'':<16}" + "".join(
        f" {s.name:>12}" for s in shown[1:]
    )
    lines = [head.rstrip()]
    for metric in SHOWN:
        flag = "*" if shown[0].few_hits(metric) else ""
        rivals = "".join(f" {system.figure(metric):>12}" for system in shown[1:])
        interval = shown[0].interval(metric)
        figure = shown[0].figure(metric)
        lines.append(f"{NAMES[metric][0] + flag:<27} {figure:>8}  {interval:<16}{rivals}")
    if any(shown[0].few_hits(metric) for metric in SHOWN):
        lines.append("* fewer than 10 hits behind it: too few to read anything into")
    return lines
