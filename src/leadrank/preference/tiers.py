"""Tiers: which stages of the funnel win over which, by what margin and weight."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from leadrank.errors import UserError

TierScheme = Literal["paper", "adjacent", "all_gaps", "at_least"]


@dataclass(frozen=True)
class Tier:
    """One level of preference: a row of a winner stage is worth more than one of a loser stage.

    Attributes:
        name: what reports and logs call it.
        winner: stage indices, 0 = shallowest.
        loser: stage indices, none of them a winner: so no pair ever holds both ways.
        loser_lost: whether a loser must also be lost.
        margin: logits by which the winner should lead before the loss falls below log 2.
        weight: share of this tier in the mean over tiers, relative to the others.

    Raises:
        UserError: naming every field that is wrong.
    """

    name: str
    winner: tuple[int, ...]
    loser: tuple[int, ...]
    loser_lost: bool = False
    margin: float = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise UserError("\n".join(f"tier {self.name!r}: {text}" for text in problems))


@dataclass(frozen=True)
class TierSpec:
    """A tier as a user writes it in YAML: with the names of stages. Fields as in `Tier`."""

    name: str
    winner: list[str] = field(default_factory=list)
    loser: list[str] = field(default_factory=list)
    loser_lost: bool = False
    margin: float = 0.0
    weight: float = 1.0


def tiers_of(
    scheme: TierScheme, *, num_stages: int, has_lost: bool, margin_per_gap: float = 0.0
) -> tuple[Tier, ...]:
    """Build the tiers of a named scheme for a funnel of any depth, deepest winners first.

    - `paper` (arXiv 2606.04387): *global*, the final stage over lost leads, margin 1.0 (over
      every other known stage where the CRM has no lost rule); *key*, the last two stages over
      the shallower ones, margin 0.5, where the funnel has three stages or more. The paper's
      third tier, *soft* (leads of one stage by their soft signals), is not there yet.
    - `adjacent`: each stage over the one below it.
    - `all_gaps`: one tier for each two stages.
    - `at_least`: for each stage but the shallowest, that stage or deeper over all shallower.

    Args:
        scheme: one of the above.
        num_stages: the funnel's number of stages.
        has_lost: whether the CRM file has a rule that tells lost leads.
        margin_per_gap: logits for each stage between winner and loser; not for `paper`, which
            has margins of its own.

    Raises:
        UserError: for an unknown scheme, fewer than two stages, or a margin given to `paper`.
    """
    _check_scheme(scheme, num_stages=num_stages, margin_per_gap=margin_per_gap)
    final = num_stages - 1
    if scheme == "paper":
        return _paper(final, has_lost=has_lost)
    if scheme == "at_least":
        return tuple(
            Tier(f">={k}", _stages(k, num_stages), _stages(0, k), margin=margin_per_gap)
            for k in range(final, 0, -1)
        )
    return tuple(
        Tier(f"{high}>{low}", (high,), (low,), margin=margin_per_gap * (high - low))
        for high in range(final, 0, -1)
        for low in range(high - 1, -1, -1)
        if scheme == "all_gaps" or high - low == 1
    )


def resolve_tiers(specs: Sequence[TierSpec], stage_names: Sequence[str]) -> tuple[Tier, ...]:
    """Turn tiers of named stages into tiers of stage indices.

    Args:
        specs: the user's tiers.
        stage_names: the CRM file's stages, shallowest first.

    Raises:
        UserError: naming each unknown stage with the valid ones, each name given to two tiers,
            and all that `Tier` refuses.
    """
    names = [spec.name for spec in specs]
    problems = [
        f"two tiers are called {name!r}" for name in sorted(set(names)) if names.count(name) > 1
    ]
    tiers = []
    for spec in specs:
        try:
            tiers.append(_resolve(spec, {name: k for k, name in enumerate(stage_names)}))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return tuple(tiers)


def _resolve(spec: TierSpec, index: dict[str, int]) -> Tier:
    unknown = [name for name in [*spec.winner, *spec.loser] if name not in index]
    if unknown:
        raise UserError(
            f"tier {spec.name!r}: no stage is called {', '.join(map(repr, unknown))}; "
            f"the stages are {', '.join(map(repr, index))}"
        )
    return Tier(
        spec.name,
        tuple(index[name] for name in spec.winner),
        tuple(index[name] for name in spec.loser),
        spec.loser_lost,
        spec.margin,
        spec.weight,
    )


def _paper(final: int, *, has_lost: bool) -> tuple[Tier, ...]:
    order = Tier("global", (final,), _stages(0, final), loser_lost=has_lost, margin=1.0)
    if final < 2:
        return (order,)
    return (order, Tier("key", (final - 1, final), _stages(0, final - 1), margin=0.5))


def _stages(start: int, stop: int) -> tuple[int, ...]:
    return tuple(range(start, stop))


def _problems(tier: Tier) -> list[str]:
    both = sorted({*tier.winner} & {*tier.loser})
    found = [
        f"{side} has no stage; give at least one"
        for side in ("winner", "loser")
        if not getattr(tier, side)
    ]
    if both:
        found.append(f"stage {both} is both winner and loser; keep it on one side")
    if min([*tier.winner, *tier.loser], default=0) < 0:
        found.append("a stage index is negative; 0 is the shallowest stage")
    found += [
        f"{name} is {value}; expected a finite number, 0 or more"
        for name, value in (("margin", tier.margin), ("weight", tier.weight))
        if not (math.isfinite(value) and value >= 0)
    ]
    return found


def _check_scheme(scheme: str, *, num_stages: int, margin_per_gap: float) -> None:
    schemes = TierScheme.__args__  # type: ignore[attr-defined]
    problems = []
    if scheme not in schemes:
        problems.append(f"no tier scheme is called {scheme!r}; expected one of {schemes}")
    if num_stages < 2:
        problems.append(f"tiers need two stages or more; the funnel has {num_stages}")
    if scheme == "paper" and margin_per_gap:
        problems.append(
            f"margin_per_gap is {margin_per_gap}, but the paper scheme has margins of its own; "
            "drop it, or take the scheme adjacent, all_gaps or at_least"
        )
    if problems:
        raise UserError("\n".join(problems))
