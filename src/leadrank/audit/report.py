"""The audit as a page: tables of at most 80 columns, a picture, and a verdict in sentences."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from textwrap import wrap
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from leadrank.audit.tier_audit import TierAudit
from leadrank.audit.verdict import remedy, sentence, worth
from leadrank.evaluation.plots import INK, SYSTEMS
from leadrank.funnel import LeadTable

WIDTH = 80
NAME = 12
COLOURS = {
    "agrees": SYSTEMS[2][0],
    "weaker": SYSTEMS[2][0],
    "misleads": SYSTEMS[1][0],
    "shortcut": SYSTEMS[1][0],
    "says little": SYSTEMS[3][0],
    "orders": SYSTEMS[0][0],
    "few orders": INK,
    "empty": INK,
}


def page(
    table: LeadTable,
    tiers: Sequence[TierAudit],
    *,
    labels_alone: float,
    pull: Mapping[str, Mapping[str, float]],
    command: str,
) -> str:
    """The audit in plain text.

    Args:
        table: the lead table.
        tiers: the audited tiers.
        labels_alone: AUC of orders, out of fold, by a score learned from orders alone.
        pull: {when: {tier or `labels`: share of the gradient on the scores}}.
        command: what made it.
    """
    blocks = [
        [f"Pair audit of {table.crm.name}: {command}", _where(tiers)],
        _counts(tiers),
        _meaning(tiers, labels_alone),
        _pulls(tiers, pull),
        ["Supervision", *supervision(table)],
        ["Verdict", *_verdicts(tiers, labels_alone)],
    ]
    lines = [line for block in blocks for line in [*block, ""]]
    return "\n".join(p for line in lines for p in (_fit(line) or [""])).rstrip() + "\n"


def _verdicts(tiers: Sequence[TierAudit], labels_alone: float) -> list[str]:
    return [*(sentence(tier, labels_alone) for tier in tiers), *remedy(tiers, labels_alone)]


def _where(tiers: Sequence[TierAudit]) -> str:
    return (
        f"Of mature training rows alone ({tiers[0].ordered:,} leads ordered); counts are "
        "estimates from a sample of them. Intervals are 95 %, by bootstrap over leads."
    )


def _fit(line: str) -> list[str]:
    return [line] if line.startswith("  ") else wrap(line, WIDTH, break_on_hyphens=False)


def _counts(tiers: Sequence[TierAudit]) -> list[str]:
    head = f"  {'tier':<{NAME}}{'pairs':>13}{'with':>8}{'two':>8}{'days':>7}{'contra-':>9}"
    under = (
        f"  {'':<{NAME}}{'':>13}{'order':>8}{'lists':>8}{'apart':>7}{'dicted':>9}{'tied':>8}"
    )
    return ["Pairs", head, under, *(_count_line(tier) for tier in tiers)]


def _count_line(tier: TierAudit) -> str:
    days = "-" if tier.apart_days is None else f"{tier.apart_days:.0f}"
    return (
        f"  {_cut(tier.name)}{tier.pairs:>13,.0f}{_percent(tier.with_order):>8}"
        f"{_percent(tier.across_lists):>8}{days:>7}{_percent(tier.contradicted):>9}"
        f"{_percent(tier.tied):>8}"
    )


def _meaning(tiers: Sequence[TierAudit], labels_alone: float) -> list[str]:
    head = f"  {'tier':<{NAME}}{'verdict':<12}{'one field tells the winner':<32}{'teaches':>9}"
    lines = [
        f"  {_cut(tier.name)}{worth(tier, labels_alone):<12}"
        f"{f'{_percent(tier.told)} {tier.best_input}'[:31]:<32}"
        f"{_figure(tier.teaches.value):>9}{_percent(tier.agrees.value):>10}"
        for tier in tiers
    ]
    explained = (
        "teaches: AUC of orders by a score learned from the tier's pairs without an order "
        f"(learned from orders: {labels_alone:.3f}). agrees: how often the winner of such a "
        "pair is the likelier to order, by the score learned from orders. Both out of fold."
    )
    return ["What they say", f"{head}{'agrees':>10}", *lines, explained]


def _pulls(tiers: Sequence[TierAudit], pull: Mapping[str, Mapping[str, float]]) -> list[str]:
    total = sum(tier.pairs for tier in tiers) or 1.0
    shares = {"of the pairs": {tier.name: tier.pairs / total for tier in tiers}, **pull}
    head = f"  {'tier':<{NAME}}" + "".join(f"{name:>20}" for name in shares)
    rows = [*(tier.name for tier in tiers), "labels"]
    lines = [
        f"  {_cut(row)}"
        + "".join(f"{_percent(share.get(row)):>20}" for share in shares.values())
        for row in rows
    ]
    return ["Share of the pairs, and of the gradient on the scores", head, *lines]


def supervision(table: LeadTable) -> list[str]:
    """What the table says of its stages: current ones, unknown ones, rows not yet mature."""
    crm, rows = table.crm, table.rows
    current = [s.name for s in crm.stages if s.column is not None]
    found = []
    if current:
        found.append(
            f"Read from a column's value, not from a time: {', '.join(map(repr, current))}. "
            "Nothing shows that they were reached after the snapshot; where an input counts "
            "what led there, such pairs teach that a count above 0 scores higher."
        )
    train = rows.filter((pl.col("part") == "train").fill_null(False))
    unknown = train["stage"].null_count()
    if unknown:
        found.append(
            f"{unknown:,} of {train.height:,} training rows have an unknown stage and are in "
            "no pair, save as losers of an order where a tier says so."
        )
    young = train.filter(~pl.col("mature"))
    found.append(
        f"{young.height:,} training rows are not followed to the horizon and are in no pair; "
        f"{int(young['label'].sum() or 0):,} of them have ordered already."
        if young.height
        else "All training rows are followed to the horizon."
    )
    return found


def tiers_figure(tiers: Sequence[TierAudit], labels_alone: float) -> Figure:
    """A line per tier: what it teaches and how far it agrees, with intervals."""
    figure = Figure(figsize=(6.4, 1.4 + 0.5 * len(tiers)), layout="constrained")
    axis = figure.subplots()
    for place, tier in enumerate(reversed(tiers)):
        colour = COLOURS[worth(tier, labels_alone)]
        for shift, estimate, mark in ((0.12, tier.teaches, "o"), (-0.12, tier.agrees, "s")):
            if isfinite(estimate.value):
                axis.plot(
                    [estimate.low, estimate.high], [place + shift] * 2, color=colour, lw=2
                )
                axis.plot(estimate.value, place + shift, mark, color=colour, ms=6)
            else:
                axis.text(0.5, place, "no pairs without an order", color=INK, fontsize=8)
    axis.axvline(0.5, color=INK, alpha=0.5, lw=1)
    axis.axvline(labels_alone, color=INK, alpha=0.5, lw=1, ls=":")
    names = [f"{tier.name}: {worth(tier, labels_alone)}" for tier in reversed(tiers)]
    axis.set_yticks(range(len(tiers)), names)
    axis.set_ylim(-0.6, len(tiers) - 0.4)
    axis.set_xlabel(
        "dots: AUC of orders that it teaches; squares: its winners likelier to order\n"
        "(dotted: AUC that the labels teach)",
        color=INK,
    )
    axis.tick_params(colors=INK, length=0)
    axis.spines[:].set_visible(False)
    axis.grid(axis="x", color=INK, alpha=0.12)
    return figure


def write_audit(
    folder: Path, text: str, tiers: Sequence[TierAudit], labels_alone: float, pull: Any
) -> None:
    """Writes audit.txt, audit.json and tiers.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.txt").write_text(text, "utf-8")
    document = {
        "tiers": [{**asdict(tier), "verdict": worth(tier, labels_alone)} for tier in tiers],
        "labels_alone": labels_alone,
        "pull": pull,
    }
    (folder / "audit.json").write_text(json.dumps(_finite(document), indent=1) + "\n", "utf-8")
    figure = tiers_figure(tiers, labels_alone)
    figure.savefig(folder / "tiers.png", dpi=150, facecolor="white")


def _finite(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _cut(name: str) -> str:
    return f"{name if len(name) < NAME else name[: NAME - 2] + '~':<{NAME}}"


def _percent(share: float | None) -> str:
    return "-" if share is None or not isfinite(share) else f"{share:.1%}"


def _figure(value: float) -> str:
    return "-" if not isfinite(value) else f"{value:.3f}"
