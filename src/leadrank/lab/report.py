"""The lab's page: a table for each share, the answer in sentences, and one picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap

from matplotlib.figure import Figure

from leadrank.evaluation.plots import INK, SYSTEMS
from leadrank.lab.measure import CHOSEN, Gap
from leadrank.lab.trials import REFERENCE, Trial

WIDTH = 80
#: Nothing worse than this counts as harmless.
HARMLESS = -0.01
#: Beside labels alone in the picture of scarce labels.
CURVE = ("hpro", "paper", "corn")
COLOURS = {
    "labels": SYSTEMS[0][0],
    "margin": SYSTEMS[1][0],
    "weight": SYSTEMS[2][0],
    "pairs": SYSTEMS[3][0],
    "loss": INK,
    "head": INK,
    "start": "#b8860b",
    CHOSEN: INK,
}


def page(gaps: Sequence[Gap], trials: Sequence[Trial], *, title: str, command: str) -> str:
    """Tables of at most 80 columns and the answer."""
    lines = [*wrap(f"Margin lab on {title}: {command}", WIDTH), "", *wrap(ABOUT, WIDTH)]
    for share in dict.fromkeys(gap.share for gap in gaps):
        lines += ["", *_table([gap for gap in gaps if gap.share == share])]
    lines += ["", *(p for line in answers(gaps) for p in wrap(line, WIDTH))]
    return "\n".join([*lines, "", *_confirm(gaps, trials)]).rstrip() + "\n"


ABOUT = (
    f"Differences to {REFERENCE} (labels alone) on the test rows: means over seeds, 95 % "
    "intervals over draws of leads and seeds. Heads on frozen vectors, started as the "
    "labels' probe but for those of the family start; rates are chosen on validation. "
    f"{CHOSEN!r} takes, for each seed, whichever trial was best on validation."
)


def _table(gaps: Sequence[Gap]) -> list[str]:
    first = gaps[0]
    alone = {gap.metric: gap.value - gap.difference for gap in gaps}
    head = (
        f"{first.share:.0%} of the orders kept ({first.orders} training rows); labels alone: "
        f"AUC {alone['auc']:.3f}, AP {alone['average_precision']:.3f}"
    )
    columns = "".join(f"{name:>8}{'  95 % interval':<22}" for name in ("AUC", "AP"))
    by = {(gap.trial, gap.metric): gap for gap in gaps}
    lines = []
    for trial in dict.fromkeys(gap.trial for gap in gaps):
        cells = [by[trial, metric] for metric in ("auc", "average_precision")]
        told = [
            f"{one.difference:>+8.4f}  {one.low:+.4f} to {one.high:+.4f}  " for one in cells
        ]
        lines.append(f"  {trial:<16}{''.join(told)}".rstrip())
    return [head, f"  {'trial':<16}{columns}".rstrip(), *lines]


def answers(gaps: Sequence[Gap]) -> list[str]:
    """Is it the margin, the weight, or the pairs? In sentences."""
    found = []
    for share in dict.fromkeys(gap.share for gap in gaps):
        by = {gap.trial: gap for gap in gaps if gap.share == share and gap.metric == "auc"}
        better = [gap.trial for gap in by.values() if gap.low > 0]
        harmful = [gap.trial for gap in by.values() if gap.high < 0]
        harmless = [gap.trial for gap in by.values() if gap.low > HARMLESS]
        found.append(
            f"With {share:.0%} of the orders, by AUC: better than labels alone: "
            f"{_named(better)}; worse: {_named(harmful)}; no worse than by .01: "
            f"{_named(harmless)}."
        )
        if "paper" in by and "margin 0" in by and "equal pull" in by:
            found.append(
                f"The pairs without margins {by['margin 0'].difference:+.4f}; with weights "
                f"that pull as the margins do {by['equal pull'].difference:+.4f}; with the "
                f"margins {by['paper'].difference:+.4f}."
            )
    return found


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _confirm(gaps: Sequence[Gap], trials: Sequence[Trial], most: int = 3) -> list[str]:
    """Commands that train the best few with LoRA."""
    mean = {
        trial.name: sum(gap.difference for gap in gaps if gap.trial == trial.name)
        for trial in trials
        if trial.name != REFERENCE
    }
    best = sorted(mean, key=lambda name: -mean[name])[:most]
    flags = {trial.name: trial.flags for trial in trials}
    return ["To confirm the best with LoRA, add to `leadrank fit` of an experiment:"] + [
        f"  {name}: {flags[name] or '(nothing: as experiments/base.yaml)'}" for name in best
    ]


def figure(gaps: Sequence[Gap], trials: Sequence[Trial], *, metric: str = "auc") -> Figure:
    """A panel for each share: every trial's difference to labels alone, coloured by family."""
    mine = [gap for gap in gaps if gap.metric == metric]
    shares = list(dict.fromkeys(gap.share for gap in mine))
    names = list(dict.fromkeys(gap.trial for gap in mine))[::-1]
    family: dict[str, str] = {trial.name: trial.family for trial in trials}
    size = (2.0 + 2.6 * len(shares), 1.0 + 0.26 * len(names))
    drawn = Figure(figsize=size, layout="constrained")
    axes = drawn.subplots(1, len(shares), sharey=True, squeeze=False)[0]
    for axis, share in zip(axes, shares, strict=True):
        for gap in (gap for gap in mine if gap.share == share):
            at, colour = names.index(gap.trial), COLOURS[family.get(gap.trial, CHOSEN)]
            axis.plot([gap.low, gap.high], [at, at], color=colour, lw=1.5)
            axis.plot(gap.difference, at, "o", color=colour, ms=4)
        axis.axvline(0, color=INK, alpha=0.5, lw=1)
        axis.axvline(HARMLESS, color=INK, alpha=0.3, lw=1, ls=":")
        orders = next(gap.orders for gap in mine if gap.share == share)
        axis.set_title(f"{share:.0%} of the orders ({orders})", color=INK, fontsize=9)
        axis.tick_params(colors=INK, length=0, labelsize=8)
        axis.grid(axis="x", color=INK, alpha=0.12)
        axis.spines[:].set_visible(False)
    axes[0].set_yticks(range(len(names)), [f"{n} ({family.get(n, 'any')})" for n in names])
    drawn.supxlabel(f"{metric}: difference to labels alone", color=INK, fontsize=9)
    return drawn


def curve(gaps: Sequence[Gap], *, metric: str = "auc") -> Figure:
    """What is lost with scarce labels, and what each of CURVE makes up for.

    Labels alone as they are; the others that plus their difference, with its 95 % interval.
    """
    mine = [gap for gap in gaps if gap.metric == metric]
    drawn = Figure(figsize=(6.0, 3.6), layout="constrained")
    axis = drawn.subplots()
    alone = {gap.orders: gap.value - gap.difference for gap in mine}
    axis.plot(list(alone), list(alone.values()), "o-", color=INK, ms=4, label="labels alone")
    for place, name in enumerate(CURVE):
        found = [gap for gap in mine if gap.trial == name]
        at = [gap.orders * 1.04**place for gap in found]
        reach = [
            [gap.difference - gap.low for gap in found],
            [gap.high - gap.difference for gap in found],
        ]
        value = [gap.value for gap in found]
        axis.errorbar(at, value, reach, fmt="o-", ms=4, color=SYSTEMS[place][0], label=name)
    axis.set_xscale("log")
    orders = sorted(alone)
    axis.set_xticks(orders, [str(count) for count in orders], minor=False)
    axis.set_xticks([], minor=True)
    axis.set_xlabel("training rows that ordered", color=INK)
    axis.set_ylabel(f"{metric} on test", color=INK)
    axis.tick_params(colors=INK, length=0)
    axis.grid(color=INK, alpha=0.12)
    axis.spines[:].set_visible(False)
    axis.legend(frameon=False, labelcolor=INK)
    return drawn


def write_lab(folder: Path, text: str, gaps: Sequence[Gap], trials: Sequence[Trial]) -> None:
    """Writes margins.txt, margins.json, margins.png and scarce.png."""
    (folder / "margins.txt").write_text(text, "utf-8")
    (folder / "margins.json").write_text(
        json.dumps([asdict(gap) for gap in gaps], indent=1) + "\n", "utf-8"
    )
    figure(gaps, trials).savefig(folder / "margins.png", dpi=150, facecolor="white")
    curve(gaps).savefig(folder / "scarce.png", dpi=150, facecolor="white")
