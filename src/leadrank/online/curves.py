"""The picture of a test: what both arms sold, and the uplift as it grew.

A matplotlib Figure without pyplot's global state; colours are Okabe and Ito's.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from leadrank.online.analysis import Analysis, analyse
from leadrank.online.potential import Potential
from leadrank.online.unit_table import UnitTable

INK, BLUE, ORANGE = "#1a1c1f", "#0072b2", "#d55e00"
EVERY_DAYS = 6


def online_curves(
    potential: Potential, treated: NDArray[np.bool_], *, names: tuple[str, str], kind: str
) -> Figure:
    """Orders a unit by day in both arms, beside those of everybody; uplift with its bands.

    Args:
        potential: both outcomes of every unit.
        treated: the units that had the treatment in the test [units].
        names: of the control's and the treatment's policy.
        kind: of unit, `rep` or `store`.
    """
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.tick_params(colors=INK, length=0)
        axes.grid(color=INK, alpha=0.12, lw=0.6)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("day of the test", color=INK)
    _sold(left, potential, treated, names)
    left.set_ylabel(f"orders a {kind} so far", color=INK)
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
    axes.legend(frameon=False, fontsize=8)


def _uplift(axes: Axes, potential: Potential, treated: NDArray[np.bool_]) -> None:
    table, days = potential.observed(treated), potential.control.shape[1]
    at = np.unique(np.append(np.arange(EVERY_DAYS, days, EVERY_DAYS), days))
    at = at[[_sells(table, day) for day in at]]
    looks = [analyse(table.days(0, day), planned_days=days) for day in at]
    always = _band(looks, [look.always_multiplier for look in looks])
    once = _band(looks, [look.effect.multiplier() for look in looks])
    for name, alpha, band in (("always valid", 0.15, always), ("one look", 0.3, once)):
        axes.fill_between(at, *band, color=ORANGE, alpha=alpha, lw=0, label=name)
    truth = (potential.treatment - potential.control).mean(axis=0).cumsum()
    everybody = potential.control.mean(axis=0).cumsum()
    axes.plot(at, [look.effect.relative for look in looks], color=ORANGE, label="measured")
    axes.plot(at, truth[at - 1] / everybody[at - 1], color=INK, ls=":", label="true")
    axes.axhline(0, color=INK, lw=0.6)
    _fit_height(axes, once[:, at > days / 4])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("uplift so far", color=INK)
    axes.legend(frameon=False, fontsize=8)


def _sells(table: UnitTable, day: int) -> bool:
    """Whether the control has sold by that day, so that an uplift can be a share of it."""
    assert table.treated is not None
    return bool(table.orders[~table.treated, :day].sum() > 0)


def _band(looks: list[Analysis], multiplier: list[float]) -> NDArray[np.float64]:
    """Ends of the relative interval [2 looks]; NaN where it cannot be told."""
    ends = [
        look.effect.relative_interval(m) or (np.nan, np.nan)
        for look, m in zip(looks, multiplier, strict=True)
    ]
    return np.array(ends).reshape(-1, 2).T


def _fit_height(axes: Axes, band: NDArray[np.float64]) -> None:
    """Show this band [2 looks] and some room about it: the first looks are too wide to show."""
    if np.isfinite(band).any():
        low, high = np.nanmin(band), np.nanmax(band)
        axes.set_ylim(low - 0.4 * (high - low), high + 0.4 * (high - low))
