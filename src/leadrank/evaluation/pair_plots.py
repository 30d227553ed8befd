"""Pictures of a funnel, of the pairs of a batch, and of what margins do to scores."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from leadrank.evaluation.plots import INK, SYSTEMS
from leadrank.preference import Pairs, Tier

PANEL = (3.2, 3.6)  # inches
GAP_BINS = 60


def funnel_figure(stage: ArrayLike, lost: ArrayLike, stages: Sequence[str]) -> Figure:
    """How many rows got how far: a bar per stage, the lost ones of it shaded.

    Args:
        stage: index of the deepest stage reached [n].
        lost: lost within the horizon and no order [n].
        stages: names, shallowest first.
    """
    reached, gone = np.asarray(stage), np.asarray(lost, bool)
    figure = Figure(figsize=(5.6, 0.5 + 0.5 * len(stages)), layout="constrained")
    axis = figure.subplots()
    place = np.arange(len(stages))
    rows, of_lost = (np.bincount(k, minlength=len(stages)) for k in (reached, reached[gone]))
    axis.barh(place, rows, color=SYSTEMS[0][0], alpha=0.5)
    axis.barh(place, of_lost, color=SYSTEMS[1][0], alpha=0.6, label="of these lost")
    axis.set_yticks(place, [f"{name} ({n:,})" for name, n in zip(stages, rows, strict=True)])
    axis.set_xlabel("rows", color=INK)
    if of_lost.any():
        axis.legend(frameon=False, labelcolor=INK)
    _plain(axis)
    return figure


def pairs_figure(
    stage: Tensor, pairs: Pairs, tiers: Sequence[Tier], stages: Sequence[str]
) -> Figure:
    """The pairs of one batch: a dot per row by stage, a line per pair, a panel per tier.

    A line joins loser and winner; a soft tier's lines stay within a stage.

    Args:
        stage: stage of each row of the batch [n].
        pairs: its pairs.
        tiers: what `pairs.tier` counts.
        stages: names, shallowest first.
    """
    dots = _dots(stage.numpy(), len(stages))
    figure = Figure(figsize=(PANEL[0] * len(tiers), PANEL[1]), layout="constrained")
    axes = figure.subplots(1, len(tiers), sharey=True, squeeze=False)[0]
    for index, (tier, axis) in enumerate(zip(tiers, axes, strict=True)):
        mine = (pairs.tier == index).numpy()
        winner, loser = pairs.winner.numpy()[mine], pairs.loser.numpy()[mine]
        colour = SYSTEMS[index % len(SYSTEMS)][0]
        ends = np.stack([dots[loser], dots[winner]], axis=1)
        # Together the lines have the same ink, however many there are.
        faint = float(np.clip(12 / max(1, len(ends)), 0.06, 0.8))
        axis.add_collection(LineCollection(list(ends), colors=colour, alpha=faint, lw=1))
        axis.plot(dots[:, 0], dots[:, 1], "o", color=INK, ms=3)
        axis.set_title(_title(tier, pairs.margin[mine], len(ends)), color=INK, fontsize=9)
        axis.set_yticks(range(len(stages)), stages)
        axis.set_xticks([])
        _plain(axis)
    return figure


def _dots(stage: np.ndarray, num_stages: int) -> np.ndarray:
    """[n 2] places: rows of a stage spread over its width, in waves so that lines part."""
    dots = np.zeros((len(stage), 2))
    for one in range(num_stages):
        rows = np.flatnonzero(stage == one)
        across = (np.arange(len(rows)) + 0.5) / max(1, len(rows))
        dots[rows] = np.stack([across, one + 0.12 * np.sin(9 * np.arange(len(rows)))], axis=1)
    return dots


def _title(tier: Tier, margin: Tensor, count: int) -> str:
    margins = sorted({f"{one:g}" for one in margin.tolist()}, key=float)
    return f"{tier.name}: {count:,} pairs\nmargin {', '.join(margins) or '-'}"


def gaps_figure(gaps: Mapping[str, ArrayLike]) -> Figure:
    """How far winners stand above losers: a density of score gaps for each system.

    Args:
        gaps: {system: winner's score minus loser's, in logits [pairs]}, at most four systems.
    """
    figure = Figure(figsize=(5.6, 3.7), layout="constrained")
    axis = figure.subplots()
    found = {name: np.asarray(values, np.float64) for name, values in gaps.items()}
    edges = np.histogram_bin_edges(np.concatenate([*found.values()]), bins=GAP_BINS)
    for (name, values), (colour, dash) in zip(found.items(), SYSTEMS, strict=False):
        density, _ = np.histogram(values, edges, density=True)
        axis.stairs(density, edges, color=colour, ls=dash, lw=1.5, label=name)
    axis.axvline(0, color=INK, alpha=0.4, lw=1)
    axis.set_xlabel("winner's score minus loser's (logits)", color=INK)
    axis.set_ylabel("density of pairs", color=INK)
    axis.legend(frameon=False, labelcolor=INK)
    _plain(axis)
    return figure


def _plain(axis: Axes) -> None:
    axis.tick_params(colors=INK, length=0)
    axis.grid(color=INK, alpha=0.12, lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)
