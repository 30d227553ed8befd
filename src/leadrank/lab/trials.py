"""What the lab tries: methods that differ in little from the paper's pairs."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from leadrank.funnel import Funnel
from leadrank.model.head import HeadSettings
from leadrank.model.ranker import LossSettings
from leadrank.preference.settings import PreferenceSettings

Family = Literal["labels", "margin", "weight", "pairs", "loss", "head", "start"]
REFERENCE = "pointwise"


@dataclass(frozen=True)
class Trial:
    """One method.

    Args:
        name: what tables call it.
        family: what it changes of `paper`; `labels` has no pairs.
        preference: its tiers and margins.
        loss: its losses and their weights.
        head: the head's kind.
        flags: of `leadrank fit`, to train the same with LoRA.
    """

    name: str
    family: Family
    preference: PreferenceSettings = PreferenceSettings()  # noqa: RUF009
    loss: LossSettings = LossSettings()  # noqa: RUF009
    head: HeadSettings = HeadSettings()  # noqa: RUF009

    @property
    def flags(self) -> str:
        """Flags of `leadrank fit` for what differs from the base experiment."""
        groups = {"preference": self.preference, "loss": self.loss, "head": self.head}
        words = [
            f"--model.{group}.{name} {_word(value)}"
            for group, settings in groups.items()
            for name, value in vars(settings).items()
            if value != getattr(type(settings)(), name)
        ]
        return " ".join(words)


def trials_of(funnel: Funnel) -> tuple[Trial, ...]:
    """Every trial that a funnel can have, the reference first.

    `equal pull` gives the paper's tiers no margin, and weights under which they pull at equal
    scores as the margins do (a pair's pull is sigmoid(margin)): what remains of a difference
    between it and `paper` is the margin's own.
    """
    paper = PreferenceSettings()
    tiers = paper.resolve(funnel)
    pull = {tier.name: round(1 / (1 + math.exp(-tier.margin)), 6) for tier in tiers}
    only = {tier.name: 0.0 for tier in tiers if tier.name == "global"}
    gated, labels = LossSettings(tier_gate=True), LossSettings(preference=0.0)
    apart = HeadSettings(kind="separate", rank_by="pairwise")
    taught, random = HeadSettings(start="funnel_probe"), HeadSettings(start="random")
    without: list[Trial] = []
    if len(tiers) > len(only):
        without = [Trial("without global", "pairs", replace(paper, tier_weights=only))]
    return (
        Trial(REFERENCE, "labels", loss=labels),
        Trial("corn", "labels", loss=labels, head=HeadSettings(kind="corn")),
        Trial("paper", "pairs"),
        Trial("margin 0", "margin", replace(paper, margins="zero")),
        Trial("margin x3", "margin", replace(paper, margin_scale=3.0)),
        Trial("margin uniform", "margin", replace(paper, margins="uniform", margin_scale=0.5)),
        Trial("margin linear", "margin", replace(paper, margins="linear", margin_scale=0.5)),
        Trial("equal pull", "weight", replace(paper, margins="zero", tier_weights=pull)),
        *(
            Trial(f"weight {weight:g}", "weight", loss=LossSettings(preference=weight))
            for weight in (0.1, 0.3, 3.0)
        ),
        Trial("gated", "weight", loss=gated),
        Trial("orders only", "pairs", PreferenceSettings(scheme="orders")),
        Trial("at least", "pairs", PreferenceSettings(scheme="at_least")),
        *without,
        Trial("hinge", "loss", loss=LossSettings(pair_loss="hinge")),
        Trial("smoothed", "loss", loss=LossSettings(pair_loss="smoothed_bradley_terry")),
        Trial("separate head", "head", head=apart),
        Trial("hpro", "start", loss=gated, head=taught),
        Trial("funnel start", "start", loss=labels, head=taught),
        Trial("random labels", "start", loss=labels, head=random),
        Trial("random paper", "start", head=random),
    )


def _word(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f'"{key}": {one:g}' for key, one in value.items())
        return f"'{{{inner}}}'"
    return str(value).lower() if isinstance(value, bool) else str(value)
