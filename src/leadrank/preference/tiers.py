"""Tiers: which rows win over which, by what margin and weight."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from leadrank.errors import UserError

#: Names and endings under which a run logs something else than a tier's loss.
LOGGED = ("loss", "pointwise", "yes_no")
LOGGED_ENDINGS = ("_pairs", "_gate")


@dataclass(frozen=True)
class Tier:
    """One level of preference: a winner is worth more than a loser.

    A *hard* tier compares stages. A *soft* one (with a `signal`) compares rows of one stage:
    those whose signal is above the threshold win over those at or below it; rows without a
    known signal are in none of its pairs.

    Attributes:
        name: what reports and logs call it.
        winner: stage indices, 0 = shallowest; of a soft tier, the stages that it looks at.
        loser: stage indices, none of them a winner: so no pair ever holds both ways. A soft
            tier has none.
        loser_lost: whether a loser must also be lost.
        margin: logits by which the winner should lead before the loss falls below log 2.
        weight: share of this tier in the mean over tiers, relative to the others.
        margin_per_gap: logits added to `margin` for each stage between winner and loser.
        loser_unknown: whether rows of unknown stage lose too. True only where nothing but the
            final stage wins: that a row did not order is known even where its stage is not.
        signal: index of the soft signal among those of the CRM file.
        threshold: what the signal is compared with; null until `with_thresholds` fills it in.

    Raises:
        UserError: naming every field that is wrong.
    """

    name: str
    winner: tuple[int, ...]
    loser: tuple[int, ...] = ()
    loser_lost: bool = False
    margin: float = 0.0
    weight: float = 1.0
    margin_per_gap: float = 0.0
    loser_unknown: bool = False
    signal: int | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        problems = [*_name_problems(self), *_side_problems(self), *_number_problems(self)]
        if problems:
            raise UserError("\n".join(f"tier {self.name!r}: {text}" for text in problems))


@dataclass(frozen=True)
class TierSpec:
    """A tier as a user writes it in YAML: with the names of stages and signals.

    Args:
        name: what reports and logs call it.
        winner: stages that win; of a soft tier, those that it looks at (none: all).
        loser: stages that lose; a soft tier has none.
        loser_lost: whether a loser must also be lost.
        margin: logits by which the winner should lead.
        weight: share in the mean over tiers, relative to the others.
        margin_per_gap: logits added for each stage between winner and loser.
        loser_unknown: whether rows of unknown stage lose too; only to the final stage.
        signal: column of a soft signal of the CRM file; makes the tier a soft one.
        threshold: signals above it win; null takes the training rows' median.
    """

    name: str
    winner: list[str] = field(default_factory=list)
    loser: list[str] = field(default_factory=list)
    loser_lost: bool = False
    margin: float = 0.0
    weight: float = 1.0
    margin_per_gap: float = 0.0
    loser_unknown: bool = False
    signal: str | None = None
    threshold: float | None = None


def resolve_tiers(
    specs: Sequence[TierSpec], stage_names: Sequence[str], signal_names: Sequence[str] = ()
) -> tuple[Tier, ...]:
    """Turn tiers of named stages and signals into tiers of indices.

    Args:
        specs: the user's tiers.
        stage_names: the CRM file's stages, shallowest first.
        signal_names: the columns of the CRM file's soft signals.

    Raises:
        UserError: naming each unknown stage or signal with the valid ones, each name given to
            two tiers, and all that `Tier` refuses.
    """
    names = [spec.name for spec in specs]
    problems = [
        f"two tiers are called {name!r}" for name in sorted(set(names)) if names.count(name) > 1
    ]
    tiers = []
    for spec in specs:
        try:
            tiers.append(_resolve(spec, list(stage_names), list(signal_names)))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return tuple(tiers)


def with_weights(tiers: Sequence[Tier], weights: Mapping[str, float]) -> tuple[Tier, ...]:
    """The same tiers with the weights that are named, each 0 or more.

    Raises:
        UserError: for a name that no tier has, or a weight that none can have.
    """
    names = [tier.name for tier in tiers]
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise UserError(
            "model.preference.tier_weights: no tier is called "
            f"{', '.join(map(repr, unknown))}; "
            f"the tiers are {', '.join(map(repr, names))}"
        )
    return tuple(replace(tier, weight=weights.get(tier.name, tier.weight)) for tier in tiers)


def _resolve(spec: TierSpec, stages: list[str], signals: list[str]) -> Tier:
    problems = list(_unknown_names(spec, stages, signals))
    if problems:
        raise UserError("\n".join(f"tier {spec.name!r}: {text}" for text in problems))
    soft = spec.signal is not None
    winner = stages if soft and not spec.winner else spec.winner
    return Tier(
        **{
            **vars(spec),
            "winner": tuple(stages.index(name) for name in winner),
            "loser": tuple(stages.index(name) for name in spec.loser),
            "signal": signals.index(spec.signal) if spec.signal is not None else None,
        }
    )


def _unknown_names(spec: TierSpec, stages: list[str], signals: list[str]) -> Iterator[str]:
    unknown = [name for name in [*spec.winner, *spec.loser] if name not in stages]
    if unknown:
        yield (
            f"no stage is called {', '.join(map(repr, unknown))}; "
            f"the stages are {', '.join(map(repr, stages))}"
        )
    if spec.signal is not None and spec.signal not in signals:
        known = ", ".join(map(repr, signals)) or "none; declare it in the CRM file"
        yield f"no soft signal is called {spec.signal!r}; the soft signals are {known}"
    if spec.loser_unknown and spec.winner != stages[-1:]:
        yield (
            f"loser_unknown needs the final stage {stages[-1]!r} as its only winner: nothing "
            "else is known to be missed by a row of unknown stage"
        )


def _name_problems(tier: Tier) -> Iterator[str]:
    if not tier.name or tier.name in LOGGED or tier.name.endswith(LOGGED_ENDINGS):
        yield (
            "a run logs something else under this name; take another than "
            f"{', '.join(LOGGED)}, not ending in {' or '.join(LOGGED_ENDINGS)}"
        )


def _side_problems(tier: Tier) -> Iterator[str]:
    both = sorted({*tier.winner} & {*tier.loser})
    if not tier.winner:
        yield "winner has no stage; give at least one"
    if tier.signal is None and not tier.loser:
        yield "loser has no stage; give at least one"
    if both:
        yield f"stage {both} is both winner and loser; keep it on one side"
    if min([*tier.winner, *tier.loser], default=0) < 0:
        yield "a stage index is negative; 0 is the shallowest stage"
    if tier.signal is not None and (tier.loser or tier.loser_lost or tier.loser_unknown):
        yield "a soft tier compares rows of one stage; list its stages as winners, no losers"


def _number_problems(tier: Tier) -> Iterator[str]:
    for name in ("margin", "weight", "margin_per_gap"):
        value = getattr(tier, name)
        if not (math.isfinite(value) and value >= 0):
            yield f"{name} is {value}; expected a finite number, 0 or more"
    if tier.threshold is not None and not math.isfinite(tier.threshold):
        yield f"threshold is {tier.threshold}; expected a finite number"
    if tier.threshold is not None and tier.signal is None:
        yield "a threshold needs a signal to compare with; name one, or drop the threshold"
    if tier.loser_unknown and tier.margin_per_gap:
        yield "rows of unknown stage have no gap; drop margin_per_gap or loser_unknown"
