"""Named schemes of tiers, for a funnel of any depth, deepest winners first.

To add one: a value of `TierScheme`, its line in `tiers_of`, and its function.
"""

from typing import Literal, get_args

from leadrank.errors import UserError
from leadrank.preference.tiers import Tier

TierScheme = Literal["paper", "adjacent", "all_gaps", "at_least", "orders", "released_code"]


def tiers_of(
    scheme: TierScheme, *, num_stages: int, has_lost: bool = False, has_signal: bool = False
) -> tuple[Tier, ...]:
    """Build the tiers of a named scheme; margins are 0 where none is said (see `margins`).

    - `paper` (arXiv 2606.04387): *global*, the final stage over lost leads, margin 1.0 (over
      every other known stage where the CRM has no lost rule); *key*, the last two stages over
      the shallower ones, margin 0.5, where the funnel has three stages or more; *soft*, within
      a stage the first soft signal above the training median over the rest, margin 0.1, where
      the CRM file declares one.
    - `adjacent`: each stage over the one below it.
    - `all_gaps`: one tier for each two stages.
    - `at_least`: for each stage but the shallowest, that stage or deeper over all shallower.
    - `orders`: orders over all other rows, also those of unknown stage. What the authors'
      released code trains on, as its data never hold the stage.
    - `released_code`: the tiers that code has for data with stages: *global*, the final stage
      over the shallowest, 1.0; *key*, the stage below the final one over the one below that,
      0.5; *soft*, the final stage over all between it and the shallowest, 0.1 (by the label,
      not by a call's length).

    Args:
        scheme: one of the above.
        num_stages: the funnel's number of stages.
        has_lost: whether the CRM file has a rule that tells lost leads.
        has_signal: whether it declares a soft signal.

    Raises:
        UserError: for an unknown scheme or fewer than two stages.
    """
    _check(scheme, num_stages)
    final = num_stages - 1
    if scheme == "paper":
        return _paper(final, has_lost=has_lost, has_signal=has_signal)
    if scheme == "orders":
        return (Tier("orders", (final,), _stages(0, final), loser_unknown=True),)
    if scheme == "released_code":
        return _released_code(final)
    if scheme == "at_least":
        return tuple(
            Tier(f">={k}", _stages(k, num_stages), _stages(0, k)) for k in range(final, 0, -1)
        )
    return tuple(
        Tier(f"{high}>{low}", (high,), (low,))
        for high in range(final, 0, -1)
        for low in range(high - 1, -1, -1)
        if scheme == "all_gaps" or high - low == 1
    )


def _paper(final: int, *, has_lost: bool, has_signal: bool) -> tuple[Tier, ...]:
    tiers = [Tier("global", (final,), _stages(0, final), loser_lost=has_lost, margin=1.0)]
    if final >= 2:
        tiers.append(Tier("key", (final - 1, final), _stages(0, final - 1), margin=0.5))
    if has_signal:
        tiers.append(Tier("soft", _stages(0, final + 1), margin=0.1, signal=0))
    return tuple(tiers)


def _released_code(final: int) -> tuple[Tier, ...]:
    tiers = [Tier("global", (final,), (0,), margin=1.0)]
    if final >= 2:
        tiers.append(Tier("key", (final - 1,), (final - 2,), margin=0.5))
        tiers.append(Tier("soft", (final,), _stages(1, final), margin=0.1))
    return tuple(tiers)


def _stages(start: int, stop: int) -> tuple[int, ...]:
    return tuple(range(start, stop))


def _check(scheme: str, num_stages: int) -> None:
    schemes = get_args(TierScheme)
    problems = []
    if scheme not in schemes:
        problems.append(f"no tier scheme is called {scheme!r}; expected one of {schemes}")
    if num_stages < 2:
        problems.append(f"tiers need two stages or more; the funnel has {num_stages}")
    if problems:
        raise UserError("\n".join(problems))
