"""Reading a test's table: what is there, what is not, and what is said about it."""

from datetime import date, datetime, time

import polars as pl
import pytest

from leadrank.errors import UserError
from leadrank.online import read_unit_table

ROWS = pl.DataFrame(
    {
        "unit": [2, 1, 1, 2],
        "day": [date(2026, 1, 3), date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 1)],
        "orders": [4, 1, 2, 3],
        "arm": ["treatment", "control", "control", "treatment"],
    }
)


def test_rows_become_units_by_days() -> None:
    table = read_unit_table(ROWS)
    assert table.unit == ("1", "2")
    assert table.day == tuple(date(2026, 1, d) for d in (1, 2, 3))
    assert table.orders.tolist() == [[1, 2, 0], [3, 0, 4]]
    assert table.exposure.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert table.treated is not None
    assert table.treated.tolist() == [False, True]
    assert table.notes == ("2 unit-days without a row count as a day without orders",)


def test_timestamps_are_the_dates_they_fall_on() -> None:
    stamped = ROWS.with_columns(pl.col("day").dt.combine(time(18, 30)))
    table = read_unit_table(stamped)
    assert table.day == tuple(date(2026, 1, d) for d in (1, 2, 3))
    assert table.orders.tolist() == [[1, 2, 0], [3, 0, 4]]


def test_two_timestamps_of_a_day_are_two_rows_of_it() -> None:
    times = [datetime(2026, 1, 1, hour) for hour in (9, 10, 11, 9)]
    with pytest.raises(UserError, match="more than one row of a unit and day"):
        read_unit_table(ROWS.with_columns(day=pl.Series(times)))


def test_days_without_a_row_are_no_exposure_where_the_table_tells_it() -> None:
    table = read_unit_table(ROWS.with_columns(exposure=pl.Series([1.0, 0.5, 1.0, 1.0])))
    assert table.exposure.tolist() == [[0.5, 1, 0], [1, 0, 1]]
    assert table.notes == ()


def test_a_table_without_days_has_one() -> None:
    rows = pl.DataFrame({"unit": ["a", "b"], "arm": ["control", "treatment"], "orders": [5, 6]})
    assert read_unit_table(rows).orders.tolist() == [[5], [6]]


def test_columns_may_have_other_names() -> None:
    rows = ROWS.rename({"orders": "sold", "unit": "rep"})
    table = read_unit_table(rows, columns={"orders": "sold", "unit": "rep"})
    assert table.orders.sum() == 10


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop("arm"), "no column arm; the table has unit, orders, day"),
        (ROWS.with_columns(arm=pl.lit("B")), "arm B: expected control or treatment"),
        (ROWS.with_columns(orders=pl.Series([-1.0, 1, float("nan"), 1])), "orders: 2 rows are"),
        (ROWS.with_columns(orders=pl.lit("3")), "orders: expected numbers"),
        (ROWS.with_columns(day=pl.lit(1)), "more than one row of a unit and day"),
        (ROWS.with_columns(unit=pl.lit(1)), "units with more than one arm: 1"),
        (ROWS.with_columns(before=pl.Series([1, 2, 3, 1])), "more than one before: 1"),
        (ROWS.with_columns(day=pl.Series([1.5, 2.5, 3.5, 4.5])), "day: expected dates"),
        (ROWS.with_columns(day=pl.Series([20240501, 20240502, 20240503, 20240504])),
         "looks like a date without hyphens"),
        (ROWS.head(0), "no rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(rows: pl.DataFrame, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_unit_table(rows)


def test_all_problems_come_at_once() -> None:
    rows = ROWS.with_columns(arm=pl.lit("B"), orders=pl.lit("3"))
    with pytest.raises(UserError) as raised:
        read_unit_table(rows)
    assert len(str(raised.value).splitlines()) == 2


def test_a_renamed_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UserError, match="no column 'sold'"):
        read_unit_table(ROWS, columns={"orders": "sold"})
