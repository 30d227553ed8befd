"""`leadrank abtest simulate`: a whole test in the simulated dealership, beside its truth.

One world runs up to the test under the control policy; then everybody goes on with the control
in one copy of it, and with the treatment in another, on the same chance of the customers. Reps
share neither leads nor time, so a test's table takes each unit's orders from the copy of its
arm, and the truth is the difference of the copies.
"""

import copy
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadrank.cli.abtest_policies import LIGHTGBM, RunPolicy, policy_of, try_policy
from leadrank.cli.abtest_sizes import with_sizes, world_settings
from leadrank.cli.engine_flag import say_engine
from leadrank.errors import UserError
from leadrank.online import (
    Potential,
    Replays,
    all_orders,
    analyse,
    assign,
    format_analysis,
    share_significant,
)
from leadrank.online.curves import online_curves
from leadrank.world.dealership import Dealership, Policy


def run_simulate(chosen: Namespace) -> int:
    """Runs the test, prints it beside the truth, and draws both curves."""
    chosen, begun = with_sizes(chosen), time.monotonic()
    say_engine(chosen.engine)
    settings, learns = world_settings(chosen), chosen.treatment == LIGHTGBM
    _say(f"{chosen.stores} stores, {settings.leads:,} leads")
    world = Dealership(settings, chosen.seed, snapshots=learns, progress=True)
    try_policy(chosen.treatment, world, base=chosen.base, engine=chosen.engine)
    control = policy_of(chosen.control, world, base=chosen.base, engine=chosen.engine)
    _say(f"{chosen.before} days before the test, all on {chosen.control}")
    world.run(chosen.before, control, progress=True)
    potential, sold_before = run_both(
        world,
        control,
        chosen.treatment,
        unit=chosen.unit,
        days=chosen.days,
        base=chosen.base,
        engine=chosen.engine,
    )
    counted, names = potential.days(chosen.skip_days), _names(chosen)
    if not counted.control.any():
        raise UserError(
            f"no order in {chosen.days} days of {chosen.stores} stores on {chosen.control}: "
            "there is nothing to compare with; give more --stores or more --days"
        )
    treated = assign(potential.unit, potential.stratum, salt=f"seed {chosen.seed}")
    result = analyse(counted.observed(treated), planned_days=chosen.days - chosen.skip_days)
    replays = share_significant(counted, salt=f"seed {chosen.seed} again", tests=chosen.replays)
    print(
        f"\n{names[1]} against {names[0]}, seed {chosen.seed}, "
        f"{(time.monotonic() - begun) / 60:.1f} minutes\n"
        f"{len(potential.unit)} {chosen.unit}s; {sold_before:,} orders in the "
        f"{chosen.before} days before\n"
    )
    print(format_analysis(result, kind=chosen.unit))
    print(truth_lines(chosen, counted, replays))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    online_curves(counted, treated, names=names, kind=chosen.unit).savefig(chosen.out, dpi=150)
    print(f"\n{chosen.out}: orders of both arms, and the uplift as it grew")
    return 0


def run_both(
    world: Dealership,
    control: Policy,
    treatment: str,
    *,
    unit: str,
    days: int,
    base: str | None = None,
    engine: str = "dense",
) -> tuple[Potential, int]:
    """Both worlds from this morning on; and the orders before it, from day 0 on.

    Args:
        world: on the first morning of the test; it is left on the last evening, all on control.
        control: the policy so far.
        treatment: name of the other policy.
        unit: `rep` or `store`.
        days: length of the test.
        base: folder of a run's base model, if it has moved.
        engine: what a run reads with; see `leadrank.cli.engine_flag`.
    """
    start, staff = world.day, world.staff
    other = copy.deepcopy(world)
    policy = policy_of(treatment, other, base=base, engine=engine)
    _say(f"{days} days, all on the control")
    world.run(days, control, progress=True)
    _say(f"{days} days, all on {treatment}")
    other.run(days, policy, progress=True)
    for name, used in (("control", control), ("treatment", policy)):
        if isinstance(used, RunPolicy):
            _say(
                f"{name}: {used.scored:,} readings in {used.seconds / 60:.1f} minutes, "
                f"{used.unusable:,} unusable rows"
            )
    code = np.arange(len(staff)) if unit == "rep" else staff.store
    before = _by_unit(world, code, 0, start)
    potential = Potential(
        unit=tuple(f"{unit} {i:03d}" for i in range(code.max() + 1)),
        control=_by_unit(world, code, start, start + days),
        treatment=_by_unit(other, code, start, start + days),
        before=before.mean(axis=1),
        stratum=tuple(f"store {s:03d}" for s in staff.store)
        if unit == "rep"
        else ("all",) * int(code.max() + 1),
    )
    return potential, int(before.sum())


def _by_unit(world: Dealership, code: NDArray, start: int, end: int) -> NDArray[np.float64]:
    """Orders by unit and day [units days] from day `start` up to but without `end`."""
    orders = world.log.read("orders")
    here = (orders["day"] >= start) & (orders["day"] < end)
    table = np.zeros((int(code.max()) + 1, end - start))
    np.add.at(table, (code[orders["rep"][here]], orders["day"][here] - start), 1.0)
    return table


def _names(chosen: Namespace) -> tuple[str, str]:
    """Of control and treatment; of a run's path the last two folders."""
    first, second = ("/".join(Path(n).parts[-2:]) for n in (chosen.control, chosen.treatment))
    return first, second


def truth_lines(chosen: Namespace, counted: Potential, replays: Replays) -> str:
    """What only a simulated world has, in at most 80 columns."""
    control, treatment = all_orders(counted)
    names, (low, high) = _names(chosen), counted.uplift_interval
    level = counted.control.mean()
    return "\n".join(
        [
            "",
            "the truth, which only a simulated world has (the same chance for both)",
            f"  all {chosen.unit}s on {names[0]}: {control:,.0f} orders",
            f"  all {chosen.unit}s on {names[1]}: {treatment:,.0f}",
            f"  true uplift {counted.uplift:+.4g} a {chosen.unit} and day, relative "
            f"{treatment / control - 1:+.1%};",
            f"  of all {chosen.unit}s like these [{low / level:+.1%}, {high / level:+.1%}], by "
            "each one's own difference",
            f"  power {replays.significant:.2f} +- {replays.margin:.2f}: the share of "
            f"{replays.tests:,} other assignments found",
            f"  significant; their intervals hold the truth in {replays.covered:.1%} and reach "
            f"+-{replays.width:.1%}",
            f"  80 % power takes an uplift of {replays.smallest:.1%} with these "
            f"{len(counted.unit):,} {chosen.unit}s; for the",
            f"  true one: {_needed(replays.units, (low, high), chosen.unit)}",
        ]
    )


def _needed(units: float, interval: tuple[float, float], kind: str) -> str:
    """How many units a test of the true uplift needs, in two figures: no more is known."""
    if interval[0] <= 0 <= interval[1]:
        return f"cannot tell: all {kind}s like these may have none"
    return f"some {float(f'{units:.2g}'):,.0f} {kind}s"


def _say(what: str) -> None:
    print(what, flush=True)
