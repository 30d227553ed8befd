import polars as pl
import pytest

from leadrank.funnel.times import unix_time, utc_time


def utc(values: list[str], timezone: str = "UTC") -> list[str | None]:
    frame = pl.DataFrame({"t": values}, schema={"t": pl.String})
    times = frame.select(utc_time("t", pl.String(), timezone)).to_series()
    return times.dt.strftime("%Y-%m-%d %H:%M:%S").to_list()


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2024-01-02", "2024-01-02 00:00:00"),
        ("2024-01-02 10:00", "2024-01-02 10:00:00"),
        (" 2024-01-02T10:00:05 ", "2024-01-02 10:00:05"),
        ("2024-01-02T10:00Z", "2024-01-02 10:00:00"),
        ("2024-01-02 10:00:00.25+05:30", "2024-01-02 04:30:00"),  # 10:00 - 5:30
        ("2024-01-02T10:00:00-0800", "2024-01-02 18:00:00"),  # 10:00 + 8:00
        ("2024-01-02 10:00:00+02", "2024-01-02 08:00:00"),
    ],
)
def test_iso_times_with_and_without_a_zone(written, instant):
    assert utc([written]) == [instant]


@pytest.mark.parametrize(
    "written", ["01/02/2024", "2024-13-01", "2024-02-30", "soon", "20240102"]
)
def test_what_is_no_iso_time_is_unreadable(written):
    assert utc([written]) == [None]


def test_naive_times_follow_summer_time():
    # Berlin is UTC+1 in winter and UTC+2 in summer.
    assert utc(["2024-01-15 12:00", "2024-07-15 12:00"], "Europe/Berlin") == [
        "2024-01-15 11:00:00",
        "2024-07-15 10:00:00",
    ]


def test_the_repeated_hour_is_its_first_pass_and_the_skipped_one_unreadable():
    # On 2024-10-27 Berlin ran through 02:30 twice, first as UTC+2; on 2024-03-31 not at all.
    assert utc(["2024-10-27 02:30", "2024-03-31 02:30"], "Europe/Berlin") == [
        "2024-10-27 00:30:00",
        None,
    ]


def test_a_day_without_midnight_begins_at_one():
    # Sao Paulo skipped 00:00-01:00 on 2017-10-15 and was UTC-2 from then on.
    assert utc(["2017-10-15"], "America/Sao_Paulo") == ["2017-10-15 03:00:00"]


def test_typed_columns_keep_their_zone():
    frame = pl.DataFrame({"t": ["2024-07-15 12:00"]}).select(
        pl.col("t").str.to_datetime("%Y-%m-%d %H:%M", time_zone="America/New_York")
    )
    time = frame.select(utc_time("t", frame.schema["t"], "UTC")).item()
    assert str(time) == "2024-07-15 16:00:00+00:00"  # UTC-4 in summer


def test_unix_seconds_beyond_2100_are_refused_as_milliseconds():
    seconds = pl.DataFrame({"s": [1_297_722_537.0, 1_297_722_537_000.0, -1.0]})
    times = seconds.select(unix_time(pl.col("s"))).to_series().to_list()
    assert [str(t) for t in times] == ["2011-02-14 22:28:57+00:00", "None", "None"]
