"""The report of a run: one HTML file for the manager who asks what it was worth.

It needs no network and no other file. The order is that of the questions: did it help, by how
much, can the probabilities be trusted, who to call, how was it made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from leadrank.evaluation import figures, plots
from leadrank.evaluation.page import definitions, inline_svg, page, section, table, text
from leadrank.evaluation.verdict import (
    difference_interval,
    evidence,
    scope,
    selection,
    standing,
    verdict,
)

LISTED = 20


def write_report(
    path: Path,
    *,
    metrics: Mapping[str, Any],
    predictions: pl.DataFrame,
    rivals: Mapping[str, ArrayLike],
    paired: Mapping[str, Mapping[str, Sequence[float]]],
    call_list: pl.DataFrame,
    stages: Sequence[str],
    command: str,
) -> None:
    """Write one self-contained HTML file.

    `metrics` is the content of metrics.json, `predictions` [n] has the columns of
    predictions.parquet, `rivals` holds scores [n] of the same rows under `lightgbm` and
    `probe`, `paired` is what `paired_differences` gave for them, `call_list` is that of the
    scoring floor, `stages` names the funnel's stages, `command` is what the user typed. Raises
    ValueError when a rival's scores are not [n].
    """
    lengths = {name: np.shape(scores) for name, scores in rivals.items()}
    if wrong := {name: n for name, n in lengths.items() if n != (predictions.height,)}:
        raise ValueError(f"rivals need {predictions.height} scores each, got {wrong}")
    title = f"{metrics['experiment']} on {metrics['data']}"
    body = [
        _header(title, metrics, paired),
        _metrics_section(metrics, paired["lightgbm"]),
        f'<div class="pair">{_gain_section(metrics, predictions, rivals)}'
        f"{_calibration_section(metrics, predictions)}</div>",
        _stages_section(predictions, stages),
        _call_section(call_list),
        _made_section(metrics, command),
    ]
    path.write_text(page(f"leadrank: {title}", "\n".join(body)), encoding="utf-8")


def _header(
    title: str,
    metrics: Mapping[str, Any],
    paired: Mapping[str, Mapping[str, Sequence[float]]],
) -> str:
    lift = figures.written("lift@10%", metrics["test"].get("lift@10%"))
    worth = (
        f"Among the 10 % of the leads that it puts first, orders are {lift} times as frequent "
        f"as on average. {selection(metrics)}"
    )
    return (
        f'<p class="quiet">leadrank report: {text(title)}</p>'
        + (f"<p>{text(part)}</p>" if (part := scope(metrics)) else "")
        + f"<h1>{text(verdict(metrics, paired['lightgbm']))}</h1>"
        f"<p>{text(evidence(metrics, paired['lightgbm']))}</p><p>{text(worth)}</p>"
        + (f"<p>{text(place)}</p>" if (place := standing(metrics, paired)) else "")
    )


def _metrics_section(metrics: Mapping[str, Any], paired: Mapping[str, Sequence[float]]) -> str:
    shown = [*figures.systems(metrics), *figures.yardsticks(metrics)]
    rows = [_metric_row(metric, shown, paired) for metric in figures.NAMES]
    test = metrics["test"]
    note = (
        f"{test['n']:,} test rows with {test['positives']:,} orders. In small print: 95 % "
        "intervals by bootstrap over leads; the difference is leadrank's to LightGBM, paired."
    )
    flagged = any(shown[0].few_hits(metric) for metric in figures.NAMES)
    few = (
        "† In italics: fewer than 10 hits behind the figure, too few to read anything into it."
    )
    return section(
        "How well it ranks",
        note,
        table(["", *(system.name for system in shown), "difference"], rows)
        + (f'<p class="quiet">{text(few)}</p>' if flagged else ""),
    )


def _metric_row(
    metric: str,
    shown: Sequence[figures.System],
    paired: Mapping[str, Sequence[float]],
) -> str:
    few = shown[0].few_hits(metric)
    cells = "".join(
        f"<td>{text(system.figure(metric))}{_small(system.interval(metric))}</td>"
        for system in shown
    )
    difference = ""
    if metric in paired:
        gap, low, high = paired[metric]
        difference = f"{gap:+.3f}" if figures.defined(gap) else ""
        difference += _small(difference_interval(low, high))
    name = figures.NAMES[metric][0] + (" †" if few else "")
    head = f'<th scope="row" class="left">{text(name)}</th>'
    return f"<tr{' class=few' if few else ''}>{head}{cells}<td>{difference}</td></tr>"


def _small(words: str) -> str:
    return f"<small>{text(words)}</small>" if words else ""


def _gain_section(
    metrics: Mapping[str, Any], predictions: pl.DataFrame, rivals: Mapping[str, ArrayLike]
) -> str:
    names = {
        "lightgbm": "LightGBM", "probe": "linear probe", "oracle_reader": "perfect reader",
    }  # fmt: skip
    others = {
        names.get(name, name): scores
        for name, scores in rivals.items()
        if name != metrics["selected"]
    }
    scores = {"leadrank": predictions["score"].to_numpy(), **others}
    figure = plots.gain_curve(predictions["label"], predictions["weight"], scores)
    return section(
        "Orders found by calling from the top",
        "Steeper is better; perfect calls every order first, random calls blindly.",
        inline_svg(
            figure, "Gain curve: share of the orders found by share of the leads called"
        ),
    )


def _calibration_section(metrics: Mapping[str, Any], predictions: pl.DataFrame) -> str:
    figure = plots.calibration_curve(
        *(predictions[name] for name in ("label", "weight", "score", "probability"))
    )
    ece = figures.written("ece", metrics["test"].get("ece"))
    return section(
        "Can the probabilities be trusted?",
        f"{plots.CALIBRATION_BINS} bins of equal weight, on the dotted line when right; after "
        f"calibration the mean error is {ece}. Hollow: nobody ordered.",
        inline_svg(figure, "Calibration before and after: observed by predicted order rate"),
    )


def _stages_section(predictions: pl.DataFrame, stages: Sequence[str]) -> str:
    unknown = predictions["stage"].null_count()
    figure = plots.scores_by_stage(
        predictions["score"], predictions["weight"], predictions["stage"].to_list(), stages
    )
    return section(
        "Scores by the stage that was reached",
        "Deeper stages should lie further right; the bar is the median."
        + (f" {unknown:,} rows of unknown stage are left out." if unknown else ""),
        inline_svg(figure, "Distribution of scores by the stage reached within the horizon"),
    )


def _call_section(call_list: pl.DataFrame) -> str:
    rows = [_call_row(row) for row in call_list.head(LISTED).iter_rows(named=True)]
    head = ["lead", "chance of an order", "grade", "rank", "rank in its list", "list", "as of"]
    return section(
        "Who to call first",
        f"The first {len(rows)} of {call_list.height:,} leads, each at its latest snapshot; "
        "the whole list is in call_list.csv.",
        table(head, rows),
    )


def _call_row(row: Mapping[str, Any]) -> str:
    grade = text(row["grade"])
    snapshot = row["snapshot"]
    day = f"{snapshot:%Y-%m-%d}" if hasattr(snapshot, "strftime") else snapshot
    cells = (row["rank"], row["rank_in_group"], row["group"] or figures.UNKNOWN, day)
    return (
        f'<tr><th scope="row" class="left">{text(row["lead_id"])}</th>'
        f"<td>{row['probability']:.1%}</td>"
        f'<td><span class="grade grade-{grade}">{grade}</span></td>'
        + "".join(f"<td>{text(cell)}</td>" for cell in cells)
        + "</tr>"
    )


def _made_section(metrics: Mapping[str, Any], command: str) -> str:
    seconds = metrics.get("seconds") or {}
    pairs = [
        ("command", command),
        ("commit", metrics.get("git") or "not in a git repository"),
        ("seed", metrics["seed"]),
        ("data fingerprint", metrics["data_fingerprint"]),
        ("seconds", ", ".join(f"{name} {value:,.1f}" for name, value in seconds.items())),
    ]
    return section(
        "How it was made", "", definitions([(k, str(v)) for k, v in pairs if v != ""])
    )
