from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from leadrank.scoring.call_list import (
    COLUMNS,
    call_list,
    format_call_list,
    rank_predictions,
    write_call_list,
)


def predictions(**columns: list) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    base = {
        "row_id": list(range(n)),
        "lead_id": [f"L{i}" for i in range(n)],
        "snapshot": [datetime(2024, 6, 1, 8, tzinfo=UTC)] * n,
        "group": [None] * n,
        "score": [0.0] * n,
        "probability": [0.02] * n,
    }
    frame = pl.DataFrame({**base, **columns})
    return frame.with_columns(pl.col("group").cast(pl.String), pl.col("row_id").cast(pl.Int64))


def test_rank_is_by_score_and_keeps_the_row_order() -> None:
    ranked = rank_predictions(predictions(score=[0.1, 0.9, 0.5]))
    assert ranked["rank"].to_list() == [3, 1, 2]
    assert ranked["row_id"].to_list() == [0, 1, 2]


def test_tied_scores_rank_by_row_id() -> None:
    ranked = rank_predictions(predictions(row_id=[7, 3, 5], score=[1.0, 1.0, 2.0]))
    assert ranked["rank"].to_list() == [3, 2, 1]


def test_rank_in_group_starts_anew_in_every_group() -> None:
    ranked = rank_predictions(
        predictions(group=["a", "b", "a", "b"], score=[0.1, 0.2, 0.3, 0.4])
    )
    assert ranked["rank_in_group"].to_list() == [2, 2, 1, 1]


def test_without_groups_rank_in_group_is_rank() -> None:
    ranked = rank_predictions(predictions(score=[0.1, 0.9, 0.5]))
    assert ranked["rank_in_group"].to_list() == ranked["rank"].to_list()


def test_a_nan_score_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 scores"):
        rank_predictions(predictions(score=[float("nan"), 1.0]))


def test_a_lead_is_listed_once_at_its_latest_snapshot() -> None:
    days = [datetime(2024, 6, day, tzinfo=UTC) for day in (1, 9, 5)]
    listed = call_list(
        predictions(lead_id=["x", "x", "y"], snapshot=days, score=[9.0, 1.0, 2.0]),
        base_rate=0.01,
    )
    assert listed["lead_id"].to_list() == ["y", "x"]
    assert listed["snapshot"].to_list() == [days[2], days[1]]
    assert listed["rank"].to_list() == [1, 2]


def test_snapshots_are_told_in_the_crms_own_time(tmp_path: Path) -> None:
    late = predictions(snapshot=[datetime(2025, 1, 10, 23, 15, tzinfo=UTC)])
    listed = call_list(late, base_rate=0.01, timezone="Europe/Vienna")
    assert "2025-01-11" in format_call_list(listed)
    write_call_list(listed, tmp_path / "calls.csv")
    assert "2025-01-11T00:15:00.000000+0100" in (tmp_path / "calls.csv").read_text("utf-8")
    assert "2025-01-10" in format_call_list(call_list(late, base_rate=0.01))


def test_a_snapshot_that_is_no_time_is_listed_as_it_is() -> None:
    numbered = predictions(score=[1.0]).with_columns(snapshot=pl.lit(7))
    listed = call_list(numbered, base_rate=0.01, timezone="Europe/Vienna")
    assert listed["snapshot"].to_list() == [7]


def test_the_columns_are_the_contract() -> None:
    assert tuple(call_list(predictions(score=[1.0]), base_rate=0.1).columns) == COLUMNS


def test_tied_leads_are_listed_by_lead_id() -> None:
    listed = call_list(predictions(lead_id=["c", "a", "b"]), base_rate=0.01)
    assert listed["lead_id"].to_list() == ["a", "b", "c"]


def test_grades_are_multiples_of_the_base_rate() -> None:
    """With a base rate of 2 %: A from 8 %, B from 4 %, C from 2 %, D from 1 %, E below."""
    listed = call_list(
        predictions(
            score=[5.0, 4.0, 3.0, 2.0, 1.0], probability=[0.08, 0.0799, 0.02, 0.01, 0.0099]
        ),
        base_rate=0.02,
    )
    assert listed["grade"].to_list() == ["A", "B", "C", "D", "E"]


@pytest.mark.parametrize("base_rate", [0.0, 1.0, float("nan")])
def test_a_base_rate_of_nothing_is_refused(base_rate: float) -> None:
    with pytest.raises(ValueError, match="base_rate"):
        call_list(predictions(score=[1.0]), base_rate=base_rate)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_a_cell_cannot_start_a_formula(tmp_path: Path, start: str) -> None:
    listed = call_list(
        predictions(lead_id=[start + "1+1"], score=[-1.0], group=[start + "x"]), base_rate=0.01
    )
    write_call_list(listed, tmp_path / "list.csv")
    row = pl.read_csv(tmp_path / "list.csv").row(0, named=True)
    assert row["lead_id"] == "'" + start + "1+1"
    assert row["group"] == "'" + start + "x"
    assert row["score"] == -1.0


def test_printed_lines_fit_a_terminal() -> None:
    listed = call_list(
        predictions(lead_id=["a" * 90, "張" * 40], group=["store " * 20, "展示厅" * 9]),
        base_rate=0.01,
    )
    lines = format_call_list(listed).splitlines()
    cells = [sum(2 if "\u2e80" < c < "\uffef" else 1 for c in line) for line in lines]
    assert len(lines) == 3
    assert max(cells) <= 80
    assert "…" in lines[1]


def test_printing_stops_after_the_asked_lines() -> None:
    listed = call_list(predictions(score=[float(i) for i in range(30)]), base_rate=0.01)
    assert len(format_call_list(listed, lines=4).splitlines()) == 5


def test_a_lead_id_cannot_move_the_cursor() -> None:
    listed = call_list(predictions(lead_id=["\x1b[2Jx"]), base_rate=0.01)
    assert "\x1b" not in format_call_list(listed)


def test_snapshots_that_only_order_rows_are_printed_as_numbers() -> None:
    listed = call_list(predictions(snapshot=[579533]), base_rate=0.01)
    assert "579533" in format_call_list(listed)
