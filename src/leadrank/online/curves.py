"""The picture of a test: what both arms sold, and the uplift as it grew.

A matplotlib Figure without pyplot's global state; colours are Okabe and Ito's.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from leadrank.online.analysis import analyse
from leadrank.online.potential import Potential

INK, BLUE, ORANGE = "#1a1c1f", "#0072b2", "#d55e00"
EVERY_DAYS = 6


def online_curves(
    potential: Potential, treated: NDArray[np.bool_], *, names: tuple[str, str]
) -> Figure:
    """Orders per unit by day in both arms, beside those of everybody; uplift with its bands.

    Args:
        potential: both outcomes of every unit.
        treated: the units that had the treatment in the test [units].
        names: of the control's and the treatment's policy.
    """
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.tick_params(colors=INK, length=0)
        axes.grid(color=INK, alpha=0.12, lw=0.6)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("day of the test", color=INK)
    _sold(left, potential, treated, names)
    _uplift(right, potential, treated)
    return figure


def _sold(
    axes: Axes, potential: Potential, treated: NDArray[np.bool_], names: tuple[str, str]
) -> None:
    day = np.arange(potential.control.shape[1]) + 1
    for name, colour, orders, arm in (
        (names[0], BLUE, potential.control, ~treated),
        (names[1], ORANGE, potential.treatment, treated),
    ):
        axes.plot(
            day, orders[arm].mean(axis=0).cumsum(), color=colour, label=f"{name}: its arm"
        )
        axes.plot(
            day, orders.mean(axis=0).cumsum(), color=colour, ls=":", label=f"{name}: everybody"
        )
    axes.set_ylabel("orders per unit so far", color=INK)
    axes.legend(frameon=False, fontsize=8)


def _uplift(axes: Axes, potential: Potential, treated: NDArray[np.bool_]) -> None:
    table, days = potential.observed(treated), potential.control.shape[1]
    at = np.unique(np.append(np.arange(EVERY_DAYS, days, EVERY_DAYS), days))
    looks = [analyse(table.days(0, day), planned_days=days) for day in at]
    level = np.array([look.effect.control for look in looks])
    uplift = np.array([look.effect.uplift for look in looks]) / level
    for name, alpha, half in (
        ("always valid", 0.15, [x.always_multiplier * x.effect.se for x in looks]),
        ("one look", 0.3, [x.effect.multiplier() * x.effect.se for x in looks]),
    ):
        width = np.array(half) / level
        axes.fill_between(
            at, uplift - width, uplift + width, color=ORANGE, alpha=alpha, lw=0, label=name
        )
    truth = (potential.treatment - potential.control).mean(axis=0).cumsum()
    everybody = potential.control.mean(axis=0).cumsum()
    axes.plot(at, uplift, color=ORANGE, label="measured")
    axes.plot(at, truth[at - 1] / everybody[at - 1], color=INK, ls=":", label="true")
    axes.axhline(0, color=INK, lw=0.6)
    # The first looks are too wide to show.
    later = np.abs(uplift)[at > days / 4].max() + width[at > days / 4].max()
    axes.set_ylim(-1.6 * later, 1.6 * later)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("uplift so far", color=INK)
    axes.legend(frameon=False, fontsize=8)
