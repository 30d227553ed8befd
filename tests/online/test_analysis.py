"""What `analyse` makes of a table: intervals, looks, and whether the arms are alike."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from cluster_draws import draw_potential
from scipy import stats

from leadrank.errors import UserError
from leadrank.online import UnitTable, analyse, assign, format_analysis
from leadrank.online.checks import with_plan
from leadrank.online.sequential import always_valid_multiplier, with_dof


def a_test(lift: float = 0.0, *, strata: int = 1, seed: int = 0) -> UnitTable:
    potential = draw_potential(np.random.default_rng(seed), lift=lift)
    stratum = tuple(f"s{i % strata}" for i in range(40))
    table = potential.observed(assign(potential.unit, stratum, salt="a"))
    return UnitTable(
        table.unit,
        table.day,
        table.orders,
        table.exposure,
        table.treated,
        table.before,
        stratum,
    )


def test_orders_are_divided_by_exposure() -> None:
    table = a_test()
    half = UnitTable(
        table.unit, table.day, table.orders, table.exposure / 2, table.treated, table.before
    )
    one, other = analyse(table).effect, analyse(half).effect
    assert other.uplift == pytest.approx(2 * one.uplift)
    assert other.relative == pytest.approx(one.relative)


def test_a_large_uplift_is_seen_whenever_one_looks() -> None:
    result = analyse(a_test(lift=2.0))
    assert result.effect.interval(result.always_multiplier)[0] > 0
    assert "sells more, whenever one looks" in format_analysis(result)


def test_without_effect_it_cannot_tell() -> None:
    assert "cannot tell" in format_analysis(analyse(a_test()))


def test_half_way_through_the_looks_are_half_done() -> None:
    result = analyse(a_test().days(0, 66), planned_days=132, looks=20)
    assert result.look == 10
    expected = with_dof(always_valid_multiplier(0.5), result.effect.dof)
    assert result.always_multiplier == pytest.approx(expected)


def test_before_the_first_planned_look_there_is_no_interval_by_looks() -> None:
    result = analyse(a_test().days(0, 6), planned_days=132, looks=20)
    assert result.look == 0
    assert "not yet" in format_analysis(result)


def verdict_between(narrow: str, wide: str, *, planned_days: int) -> str:
    """What is said of an uplift half way between two ways' multipliers, in standard errors."""
    result = analyse(a_test(), planned_days=planned_days, looks=20)
    multiplier = {
        "one": result.effect.multiplier(),
        "looks": result.looks_multiplier,
        "always": result.always_multiplier,
    }
    uplift = (multiplier[narrow] + multiplier[wide]) / 2 * result.effect.se
    return format_analysis(replace(result, effect=replace(result.effect, uplift=uplift)))


def test_one_look_counts_only_when_the_planned_days_are_over() -> None:
    over = verdict_between("one", "looks", planned_days=132)
    assert "sells more, if this is the one look at the planned end" in over
    running = verdict_between("one", "looks", planned_days=140)
    assert "cannot tell yet: 94% of the days" in running


def test_a_planned_look_may_tell_before_the_end() -> None:
    running = verdict_between("looks", "always", planned_days=140)
    assert "sells more, if only 20 looks were planned" in running


def test_skipped_days_are_not_counted() -> None:
    table = a_test()
    assert analyse(table, skip_days=30).effect.uplift == pytest.approx(
        analyse(table.days(30)).effect.uplift
    )


def test_strata_are_compared_within() -> None:
    table = a_test(strata=4)
    shifted = table.orders + np.array([float(name[1]) for name in table.stratum])[:, None]
    moved = UnitTable(
        table.unit, table.day, shifted, table.exposure, table.treated, None, table.stratum
    )
    plain = UnitTable(
        table.unit, table.day, table.orders, table.exposure, table.treated, None, table.stratum
    )
    # A constant added to every unit of a stratum is no noise of the comparison.
    assert analyse(moved).effect.se == pytest.approx(analyse(plain).effect.se)


def test_units_without_exposure_are_left_out_and_said() -> None:
    table = a_test()
    table.exposure[0] = 0
    result = analyse(table)
    assert len(result.table.unit) == 39
    assert "without exposure" in result.notes[0]


def test_a_lopsided_table_fails_the_sample_ratio_check() -> None:
    table = a_test()
    keep = table.treated | (np.arange(40) < 8)
    (ratio, *_) = analyse(table.units(keep)).checks
    control, treated = int((~table.treated[keep]).sum()), int(table.treated[keep].sum())
    half = (control + treated) / 2
    statistic = (control - half) ** 2 / half + (treated - half) ** 2 / half
    assert ratio.p_value == pytest.approx(stats.chi2.sf(statistic, 1))
    assert ratio.failed


def test_arms_of_unlike_earlier_orders_are_shown() -> None:
    table = a_test()
    order = np.argsort(table.before)
    unlike = UnitTable(
        table.unit, table.day, table.orders, table.exposure,
        np.isin(np.arange(40), order[:20]), table.before,
    )  # fmt: skip
    text = format_analysis(analyse(unlike))
    assert "NOT ALIKE" in text
    assert "find out why first" in text


def test_the_printed_result_fits_80_columns() -> None:
    for table in (a_test(), a_test(2.0, strata=4), a_test().days(0, 3)):
        lines = format_analysis(analyse(table, planned_days=132), kind="store").splitlines()
        assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skip_days": -1}, "--skip-days must be 0 or more"),
        ({"looks": 0}, "--looks 1 or more"),
        ({"share": 1.0}, "above 0 and below 1"),
        ({"planned_days": 20, "skip_days": 20}, "132 days, 20 were planned, 20 are skipped"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        analyse(a_test(), **settings)


@pytest.mark.parametrize(
    ("skip", "message"), [(132, "none is left to count"), (131, "no order in the counted")]
)
def test_what_cannot_be_analysed_is_refused(skip: int, message: str) -> None:
    table = a_test()
    table.orders[:, -1] = 0
    with pytest.raises(UserError, match=message):
        analyse(table, skip_days=skip)


PLAN = pl.DataFrame(
    {
        "unit": ["1", "2", "3", "4", "5"],
        "arm": ["control", "treatment", "control", "treatment", "control"],
        "stratum": ["x"] * 5,
        "before": [0.1, 0.2, 0.3, 0.4, 0.5],
    }
)


def test_the_plans_arms_are_joined_and_missing_units_are_said() -> None:
    rows = pl.DataFrame({"rep": [1, 2, 3, 4, 9], "orders": [1, 2, 3, 4, 5]})
    kept, notes = with_plan(rows, PLAN, unit="rep")
    assert kept["arm"].to_list() == ["control", "treatment", "control", "treatment"]
    assert kept["before"].to_list() == [0.1, 0.2, 0.3, 0.4]
    assert notes[0] == "1 units are not in the plan and are left out"
    assert "1 control" in notes[1]


def test_units_that_ran_another_arm_than_planned_are_refused() -> None:
    rows = pl.DataFrame({"unit": ["1", "2"], "arm": ["control", "control"], "orders": [1, 2]})
    with pytest.raises(UserError, match="another arm than planned: 2"):
        with_plan(rows, PLAN)
