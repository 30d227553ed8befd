"""`leadrank abtest simulate`: a whole test in the simulated dealership, beside its truth.

One world runs up to the test under the control policy; then everybody goes on with the control
in one copy of it, and with the treatment in another, on the same chance. Reps share neither
leads nor time, so a test's table takes each unit's orders from the copy of its arm, and the
truth is the difference of the copies.
"""

import copy
from argparse import Namespace

import numpy as np
from numpy.typing import NDArray

from leadrank.cli.abtest_policies import LIGHTGBM, RunPolicy, check_policy, policy_of
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
from leadrank.online.plan import LEAD_REFUSED
from leadrank.world.dealership import Dealership, Policy
from leadrank.world.settings import WorldSettings


def run_simulate(chosen: Namespace) -> int:
    """Runs the test, prints it beside the truth, and draws both curves."""
    _check(chosen)
    learns = chosen.treatment == LIGHTGBM
    world = Dealership(world_settings(chosen), chosen.seed, snapshots=learns)
    control = policy_of(chosen.control, world, base=chosen.base)
    _say(f"{chosen.before} days before the test, all on {chosen.control}")
    world.run(chosen.before, control, progress=True)
    potential, sold_before = run_both(
        world, control, chosen.treatment, unit=chosen.unit, days=chosen.days, base=chosen.base
    )
    counted = potential.days(chosen.skip_days)
    treated = assign(potential.unit, potential.stratum, salt=f"seed {chosen.seed}")
    result = analyse(counted.observed(treated), planned_days=chosen.days - chosen.skip_days)
    replays = share_significant(counted, salt=f"seed {chosen.seed} again", tests=chosen.replays)
    print(
        f"{chosen.treatment} against {chosen.control}: {len(potential.unit)} {chosen.unit}s, "
        f"{sold_before:,} orders in {chosen.before} days before, seed {chosen.seed}\n"
    )
    print(format_analysis(result, kind=chosen.unit))
    print(_truth(chosen, counted, replays))
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        figure = online_curves(counted, treated, names=(chosen.control, chosen.treatment))
        figure.savefig(chosen.out, dpi=150)
        print(f"\n{chosen.out}: orders of both arms, and the uplift as it grew")
    return 0


def _check(chosen: Namespace) -> None:
    if chosen.unit == "lead":
        raise UserError(LEAD_REFUSED)
    for name in (chosen.treatment, chosen.control):
        check_policy(name)
    problems = []
    if chosen.control == LIGHTGBM:
        problems.append(
            "--control lightgbm: it learns from days before; give it as --treatment"
        )
    if chosen.units < 4:
        problems.append(f"--units {chosen.units}: expected 4 or more, two for each arm")
    if chosen.unit == "rep" and chosen.units % 4:
        problems.append(f"--units {chosen.units}: a store has 4 reps; expected a multiple of 4")
    if not 0 <= chosen.skip_days < chosen.days:
        problems.append(f"--skip-days {chosen.skip_days}: expected 0 to {chosen.days - 1}")
    if chosen.before < 1 or chosen.replays < 1:
        problems.append("--before and --replays: expected 1 or more")
    if chosen.out is not None and chosen.out.suffix != ".png":
        problems.append(f"--out {chosen.out}: expected a name that ends in .png")
    if problems:
        raise UserError("\n".join(problems))


def world_settings(chosen: Namespace) -> WorldSettings:
    """A world with so many reps or stores, over the days before the test and its own."""
    defaults = WorldSettings(leads=1, days=1)
    days = chosen.before + chosen.days
    per_unit = 1 if chosen.unit == "rep" else defaults.reps_per_store
    reps = chosen.units * per_unit
    leads = round(reps * defaults.new_leads_per_rep * (days + defaults.warm_up))
    return WorldSettings(leads=leads, days=days)


def run_both(
    world: Dealership,
    control: Policy,
    treatment: str,
    *,
    unit: str,
    days: int,
    base: str | None = None,
) -> tuple[Potential, int]:
    """Both worlds from this morning on; and the orders before it, from day 0 on.

    Args:
        world: on the first morning of the test; it is left on the last evening, all on control.
        control: the policy so far.
        treatment: name of the other policy.
        unit: `rep` or `store`.
        days: length of the test.
        base: folder of a run's base model, if it has moved.
    """
    start, staff = world.day, world.staff
    other = copy.deepcopy(world)
    policy = policy_of(treatment, other, base=base)
    _say(f"{days} days, all on the control")
    world.run(days, control, progress=True)
    _say(f"{days} days, all on {treatment}")
    other.run(days, policy, progress=True)
    for name, used in (("control", control), ("treatment", policy)):
        if isinstance(used, RunPolicy):
            _say(f"{name}: {used.scored:,} readings, {used.unusable:,} unusable rows")
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


def _truth(chosen: Namespace, counted: Potential, replays: Replays) -> str:
    control, treatment = all_orders(counted)
    return "\n".join(
        [
            "",
            "the truth, which only a simulated world has (the same chance for both)",
            f"  all {chosen.unit}s on {chosen.control}: {control:,.0f} orders; "
            f"on {chosen.treatment}: {treatment:,.0f}",
            f"  true uplift {counted.uplift:+.4g} a {chosen.unit} and day, relative "
            f"{treatment / control - 1:+.1%}",
            f"  power {replays.significant:.2f} +- {replays.margin:.2f}: the share of "
            f"{replays.tests:,} other assignments found",
            f"  significant; their intervals hold the truth in {replays.covered:.1%} and reach "
            f"+-{replays.width:.1%}",
        ]
    )


def _say(what: str) -> None:
    print(what, flush=True)
