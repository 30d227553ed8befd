"""How a figure answers to each setting of a sweep: a panel per setting, a dot per trial."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leadrank.evaluation.plots import INK, SYSTEMS

PANEL = (3.6, 3.4)  # inches
NUMBERS = (int, float)


def response_figure(
    settings: Mapping[str, Sequence[object]], values: Sequence[float], *, name: str
) -> Figure:
    """Dots of all trials and lines through their means, one panel per setting.

    Words with the fewest values colour the lines of the other panels, so that an interaction
    (margin scheme by scale) can be seen; without a second setting they are the panel.

    Args:
        settings: {setting: its value in each trial [trials]}.
        values: the figure of each trial [trials].
        name: what the figure is called.
    """
    hue = _hue(settings)
    panels = [setting for setting in settings if setting != hue]
    if not panels:
        panels, hue = [hue or name], None
    figure = Figure(figsize=(PANEL[0] * len(panels), PANEL[1]), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    groups = [""] * len(values) if hue is None else settings[hue]
    for panel, axis in zip(panels, axes, strict=True):
        _draw(axis, settings.get(panel, [name] * len(values)), values, groups)
        axis.set_xlabel(panel, color=INK)
    axes[0].set_ylabel(name, color=INK)
    if len(set(groups)) > 1:
        axes[-1].legend(title=hue, frameon=False, labelcolor=INK)
    return figure


def _hue(settings: Mapping[str, Sequence[object]]) -> str | None:
    """The setting of words with the fewest values, of 2 to as many as there are looks."""
    words = {
        name: len(set(found))
        for name, found in settings.items()
        if not all(_is_number(one) for one in found)
    }
    few = {name: count for name, count in words.items() if 2 <= count <= len(SYSTEMS)}
    return min(few, key=lambda name: few[name], default=None)


def _is_number(value: object) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def _draw(
    axis: Axes, setting: Sequence[object], values: Sequence[float], groups: Sequence[object]
) -> None:
    numeric = all(_is_number(one) for one in setting)
    # dict.fromkeys keeps the order in which words first came; numbers have one of their own.
    ticks = sorted(set(setting)) if numeric else list(dict.fromkeys(setting))  # type: ignore[type-var]
    # Values at equal distances: scales are chosen as 0, 0.1, 0.3, 1, 3.
    place = np.array([ticks.index(one) for one in setting])
    found = np.asarray(values, np.float64)
    for group, (colour, dash) in zip(dict.fromkeys(groups), SYSTEMS, strict=False):
        mine = np.array([one == group for one in groups])
        at = np.unique(place[mine])
        means = [found[mine & (place == one)].mean() for one in at]
        axis.plot(place[mine], found[mine], "o", color=colour, ms=4, alpha=0.45)
        # Between words there is nothing to draw a line through.
        look = {"ls": dash} if numeric else {"ls": "", "marker": "_", "ms": 22, "mew": 2}
        axis.plot(at, means, color=colour, lw=2, label=str(group), **look)
    names = [f"{one:g}" if numeric else str(one) for one in ticks]  # type: ignore[str-format]
    axis.set_xticks(range(len(ticks)), names)
    axis.tick_params(colors=INK, length=0)
    axis.grid(color=INK, alpha=0.12, lw=0.6)
    axis.spines[:].set_visible(False)
