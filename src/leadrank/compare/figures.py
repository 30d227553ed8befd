"""A comparison in pictures: gain curves, calibration, scores by stage, paired differences."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from leadrank.compare.measure import PRIMARY, Measured, Paired
from leadrank.evaluation.figures import NAMES
from leadrank.evaluation.plots import (
    INK,
    SYSTEMS,
    calibration_curve,
    gain_curve,
    scores_by_stage,
)

#: Drawn in front, as far as they were run; there are four looks that can be told apart.
IN_FRONT = ("hpro", "lightgbm", "pointwise", "tfidf_logistic", "probe", "logistic")
DOTS_PER_INCH = 110


def write_figures(
    folder: Path,
    measured: Sequence[Measured],
    pairs: Sequence[Paired],
    *,
    stages: Sequence[str],
    against: str,
) -> list[Path]:
    """Writes gain.png, calibration.png, stages.png and paired.png; returns their paths.

    Of a system with several seeds the first one is drawn; calibration and stages are those of
    `hpro` where it was run, else of the best system.
    """
    first = {one.result.name: _first_seed(one) for one in measured}
    title = {one.result.name: one.result.record["title"] for one in measured}
    order = [name for name in IN_FRONT if name in first] + list(first)
    shown = list(dict.fromkeys(order))[: len(SYSTEMS)]
    rows = first[shown[0]]
    figures = {
        "gain": gain_curve(
            rows["label"], rows["weight"], {title[name]: first[name]["score"] for name in shown}
        ),
        "calibration": calibration_curve(
            *(rows[name] for name in ("label", "weight", "score", "probability"))
        ),
        "stages": scores_by_stage(
            rows["score"], rows["weight"], rows["stage"].to_list(), stages
        ),
        "paired": differences(pairs, title, title[against]),
    }
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        # Without the date, so that the same scores make the same file.
        figure.savefig(paths[-1], dpi=DOTS_PER_INCH, metadata={"Software": None})
    return paths


def differences(pairs: Sequence[Paired], title: dict[str, str], against: str) -> Figure:
    """A panel for each primary figure: every system's difference with its interval."""
    decisive = [pair for pair in pairs if pair.figure == PRIMARY[0]]
    order = [pair.system for pair in sorted(decisive, key=lambda pair: pair.difference)]
    figure = Figure(figsize=(8.4, 1.4 + 0.3 * max(len(order), 1)), layout="constrained")
    panels = figure.subplots(1, len(PRIMARY), sharey=True)
    for axes, name, (colour, _) in zip(panels, PRIMARY, SYSTEMS, strict=False):
        for pair in (one for one in pairs if one.figure == name):
            at = order.index(pair.system)
            axes.plot([pair.low, pair.high], [at, at], color=colour, lw=2)
            axes.plot(pair.difference, at, "o", color=colour, ms=5)
        axes.axvline(0, color=INK, alpha=0.45, lw=1)
        axes.set_xlabel(f"{NAMES[name][0]}: minus {against}", color=INK)
        axes.set_yticks(range(len(order)), [title[system] for system in order])
        axes.tick_params(colors=INK, length=0)
        axes.grid(color=INK, alpha=0.12, lw=0.6)
        axes.spines[:].set_visible(False)
    return figure


def _first_seed(one: Measured) -> pl.DataFrame:
    return one.result.scores.filter(pl.col("seed") == one.result.seeds[0]).sort("row_id")
