"""The plan of a test: what history says of noise, and what a test could see."""

import numpy as np
import pytest
from scipy import stats

from leadrank.errors import UserError
from leadrank.online import UnitTable, design, format_plan
from leadrank.online.power import (
    Spread,
    needed_ratio,
    power,
    smallest_lift,
    spread_of,
    standard_error,
)


def history(units: int = 24, days: int = 84, stratum: tuple | None = None) -> UnitTable:
    rng = np.random.default_rng(1)
    level = rng.gamma(8, 0.025, units)[:, None]
    orders = rng.poisson(level, (units, days)).astype(float)
    names = tuple(f"rep {i:02d}" for i in range(units))
    return UnitTable(names, tuple(range(days)), orders, np.ones_like(orders), stratum=stratum)


SETTINGS = {"kind": "rep", "days": 132, "lag_days": 30, "salt": "s"}


def test_leads_are_refused_with_the_reason() -> None:
    with pytest.raises(UserError, match="compete for a rep's time"):
        design(history(), **{**SETTINGS, "kind": "lead"})


def test_variances_are_found_again() -> None:
    rng = np.random.default_rng(2)
    level = rng.normal(1.0, 0.3, 4000)[:, None]
    season = rng.normal(0, 1, 70)  # shared by all, so no noise of a comparison
    orders = level + season + rng.normal(0, 0.8, (4000, 70))
    found = spread_of(orders, np.zeros(4000))
    assert found.between == pytest.approx(0.3**2, rel=0.06)
    assert found.within == pytest.approx(0.8**2, rel=0.06)


def test_levels_of_strata_are_no_noise() -> None:
    rng = np.random.default_rng(3)
    stratum = np.arange(2000) % 4
    orders = stratum[:, None] + rng.normal(0, 0.5, (2000, 56))
    assert spread_of(orders, stratum).between == pytest.approx(0, abs=0.002)
    assert spread_of(orders, np.zeros(2000)).between == pytest.approx(1.25, rel=0.05)


def test_cuped_keeps_one_minus_rho_squared() -> None:
    spread = Spread(mean=1.0, between=0.04, within=2.0)
    # Over 100 days 0.04 + 0.02, over 50 days 0.04 + 0.04; rho^2 = 0.04^2 / (0.06 * 0.08).
    assert spread.kept(100, 50) == pytest.approx(1 - 0.0016 / 0.0048)
    assert spread.kept(100, 0) == 1


def test_power_is_that_of_the_noncentral_t() -> None:
    rng = np.random.default_rng(4)
    t = (rng.normal(2.5, 1, 200_000)) / np.sqrt(rng.chisquare(10, 200_000) / 10)
    assert power(2.5, 1.0, 10) == pytest.approx(
        np.mean(np.abs(t) > stats.t.isf(0.025, 10)), abs=0.005
    )


def test_power_far_out_is_one_whatever_the_sign() -> None:
    for dof in (20, 398):
        assert power(-10.0, 1.0, dof) == pytest.approx(1)
        assert power(10.0, 1.0, dof) == pytest.approx(1)


def test_the_needed_ratio_has_the_wanted_power() -> None:
    for dof in (4, 38, 400):
        assert power(0.3 * needed_ratio(dof), 0.3, dof) == pytest.approx(0.8)


def test_the_smallest_lift_by_hand() -> None:
    """lift * 1 = 2 * 0.1 (1 + lift) at 0.25; 2 (1 + lift) is more than any lift."""
    assert smallest_lift(lambda lift: 0.1 * (1 + lift), 1.0, 2.0) == pytest.approx(0.25)
    assert smallest_lift(lambda lift: 1 + lift, 1.0, 2.0) == np.inf


def test_lifted_units_differ_more() -> None:
    """Levels times 1.5: between 4 to 9, within 2 to 3: (4 + 2 / 2) / 5 + (9 + 3 / 2) / 7."""
    spread = Spread(mean=1.0, between=4.0, within=2.0)
    sizes = {"days": 2, "before": 0, "control": 5, "treated": 7}
    assert standard_error(spread, 0.5, **sizes) == pytest.approx(np.sqrt(1 + 1.5))


def test_strata_by_size_hold_neighbours_in_sales() -> None:
    plan = design(history(), **SETTINGS, size_strata=3)
    sizes = [
        plan.before[[s == name for s in plan.stratum]] for name in sorted(set(plan.stratum))
    ]
    assert [len(size) for size in sizes] == [8, 8, 8]
    assert sizes[0].max() <= sizes[1].min()
    assert sizes[1].max() <= sizes[2].min()
    assert [plan.treated[[s == n for s in plan.stratum]].sum() for n in set(plan.stratum)] == [
        4
    ] * 3


def test_longer_tests_and_cuped_see_smaller_uplifts_and_more_looks_larger_ones() -> None:
    plan = design(history(), **SETTINGS)
    assert plan.smallest(264, cuped=False) < plan.smallest(132, cuped=False)
    assert plan.smallest(132, cuped=True) < plan.smallest(132, cuped=False)
    assert plan.smallest(132, cuped=True, critical=3.0) > plan.smallest(132, cuped=True)


def test_the_printed_plan_fits_80_columns() -> None:
    text = format_plan(design(history(), **SETTINGS, size_strata=2))
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("table", "changed", "message"),
    [
        (history(days=20), {}, "at least 28"),
        (history(), {"days": 30}, "nothing is counted in the first 30 days"),
        (history(units=5), {"size_strata": 4}, "strata with a single unit"),
        (history(stratum=("a",) * 23 + ("b",)), {}, "strata with a single unit: b"),
        (history(units=4), {"size_strata": 2}, "0 degrees of freedom"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    table: UnitTable, changed: dict, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        design(table, **{**SETTINGS, **changed})
