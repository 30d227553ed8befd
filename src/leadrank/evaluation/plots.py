"""Three figures of a scored table, each a matplotlib Figure without pyplot's global state.

Systems differ by colour (Okabe and Ito's, safe for the colour-blind) and by dash. Curves are
thinned before drawing, so that a million rows make no larger a figure than a thousand.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

INK = "#1a1c1f"
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SYSTEMS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
SIZE = (5.6, 3.7)  # inches
CURVE_POINTS = 160
CALIBRATION_BINS = 15  # as in the metric `ece`
LOWEST_RATE = 1e-4


def gain_curve(label: ArrayLike, weight: ArrayLike, scores: Mapping[str, ArrayLike]) -> Figure:
    """Share of the orders found among the leads called first, by system.

    label [n] 0 or 1, weight [n], scores {system: [n]}, the first system in front. Tied scores
    share their orders evenly. `perfect` calls every order first, `random` calls blindly.
    """
    labels, weights = np.asarray(label, np.float64), np.asarray(weight, np.float64)
    figure, axes = _canvas("share of the leads called", "share of the orders found")
    called = np.linspace(0.0, 1.0, CURVE_POINTS) ** 2  # dense where lists are cut
    base = float(np.average(labels, weights=weights))
    axes.plot([0, base, 1], [0, 1, 1], color=INK, alpha=0.45, lw=1, label="perfect")
    for (name, score), (colour, dash) in zip(scores.items(), SYSTEMS, strict=False):
        x, y = gain(labels, weights, np.asarray(score, np.float64))
        found = np.interp(called, x, y)
        axes.plot(called, found, color=colour, ls=dash, lw=2, label=name)
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.45, lw=1, ls=":", label="random")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower right", labelcolor=INK)
    return figure


def gain(label: Floats, weight: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Cumulative shares (of the weight, of the orders' weight) by falling score, from (0, 0).

    One point per distinct score, so that the line between two points spreads ties evenly.
    """
    _, place = np.unique(-score, return_inverse=True)
    rows = np.bincount(place, weights=weight)
    orders = np.bincount(place, weights=weight * label)
    called, found = rows.cumsum() / rows.sum(), orders.cumsum() / orders.sum()
    return np.concatenate([[0.0], called]), np.concatenate([[0.0], found])


def calibration_curve(
    label: ArrayLike, weight: ArrayLike, score: ArrayLike, probability: ArrayLike
) -> Figure:
    """Observed order rate against the predicted one in bins of equal weight, both log scales.

    Before: sigmoid(score [n]), what the logit itself promises; after: probability [n]. Bins in
    which nobody ordered stand hollow on the lower edge.
    """
    labels, weights = np.asarray(label, np.float64), np.asarray(weight, np.float64)
    figure, axes = _canvas("predicted chance of an order", "share that ordered")
    curves = {
        "before": reliability(labels, weights, expit(np.asarray(score, np.float64))),
        "after": reliability(labels, weights, np.asarray(probability, np.float64)),
    }
    low, high = _rate_limits(list(curves.values()))
    axes.plot([low, high], [low, high], color=INK, alpha=0.45, lw=1, ls=":")
    looks = ((ORANGE, "s", "--"), (BLUE, "o", "-"))
    for (name, (predicted, observed)), (colour, marker, dash) in zip(
        curves.items(), looks, strict=True
    ):
        at = (np.clip(predicted, low, high), np.clip(observed, low, high))
        seen = observed > 0
        axes.plot(*at, color=colour, ls=dash, lw=1, alpha=0.5)
        axes.plot(at[0][seen], at[1][seen], marker, color=colour, ms=5, label=name)
        axes.plot(at[0][~seen], at[1][~seen], marker, color=colour, ms=5, mfc="none")
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
        axis.set_minor_formatter(FuncFormatter(lambda rate, _: ""))
    axes.legend(frameon=False, loc="upper left", labelcolor=INK)
    return figure


def reliability(label: Floats, weight: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """Weighted mean probability and order rate in CALIBRATION_BINS bins of equal weight."""
    order = np.argsort(probability, kind="stable")
    label, weight, probability = label[order], weight[order], probability[order]
    middle = weight.cumsum() - weight / 2
    place = np.minimum(
        (CALIBRATION_BINS * middle / weight.sum()).astype(int), CALIBRATION_BINS - 1
    )
    _, place = np.unique(place, return_inverse=True)  # a heavy row may leave a bin empty
    mass = np.bincount(place, weights=weight)
    predicted = np.bincount(place, weights=weight * probability) / mass
    return predicted, np.bincount(place, weights=weight * label) / mass


def _rate_limits(curves: Sequence[tuple[Floats, Floats]]) -> tuple[float, float]:
    rates = np.concatenate([values for curve in curves for values in curve])
    low = max(rates[rates > 0].min(initial=1.0) / 1.5, LOWEST_RATE)
    return float(low), float(min(1.0, max(rates.max() * 1.5, 2 * low)))


def scores_by_stage(
    score: ArrayLike, weight: ArrayLike, stage: Sequence[int | None], stages: Sequence[str]
) -> Figure:
    """One ridge per stage that occurs: how the scores of the rows that got there are spread.

    score [n], weight [n], stage [n] index into `stages` or None; rows of unknown stage are
    left out. The bar in a ridge is its weighted median. Every ridge has the same height.
    """
    scores, weights = np.asarray(score, np.float64), np.asarray(weight, np.float64)
    reached = np.array([-1 if one is None else one for one in stage])
    figure, axes = _canvas("score", "")
    low, high = scores.min(), scores.max()
    margin = 0.05 * (high - low) or 1.0
    grid = np.linspace(low - margin, high + margin, 120)
    present = [index for index in range(len(stages)) if (reached == index).any()]
    for height, index in enumerate(present):
        rows = reached == index
        colour = SYSTEMS[height % len(SYSTEMS)][0]
        ridge = 0.85 * _density(scores[rows], weights[rows], grid)
        axes.fill_between(grid, height, height + ridge, color=colour, alpha=0.35, lw=0)
        axes.plot(grid, height + ridge, color=colour, lw=1.2)
        median = _weighted_median(scores[rows], weights[rows])
        axes.plot([median, median], [height, height + 0.3], color=colour, lw=3)
    names = [f"{stages[i]}\n({int((reached == i).sum()):,} rows)" for i in present]
    axes.set_yticks(range(len(present)), names)
    axes.set(ylim=(-0.08, max(len(present), 1)), xlim=(grid[0], grid[-1]))
    axes.grid(visible=False, axis="y")
    return figure


def _density(values: Floats, weight: Floats, grid: Floats) -> Floats:
    """A histogram smoothed by a Gaussian of three bins, its peak at 1."""
    step = grid[1] - grid[0]
    edges = np.append(grid - step / 2, grid[-1] + step / 2)
    counts, _ = np.histogram(values, edges, weights=weight)
    smooth = np.convolve(counts, np.exp(-0.5 * (np.arange(-12, 13) / 3.0) ** 2), mode="same")
    return smooth / smooth.max()


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values)
    total = weight[order].cumsum()
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _canvas(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.tick_params(which="both", colors=INK, length=0)
    axes.grid(color=INK, alpha=0.12, lw=0.6)
    axes.spines[:].set_visible(False)
    return figure, axes
