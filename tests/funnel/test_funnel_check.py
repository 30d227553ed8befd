from datetime import date, timedelta

import pytest

from leadrank.funnel import describe


def described(read, **keys) -> str:
    rows = [
        f"l{i},2024-01-{i + 1:02d},{i or ''},{'2024-01-31' if i == 5 else ''},"
        for i in range(20)
    ]
    csv = "id,at,visits,won,title\n" + "\n".join(f"{row}two words" for row in rows)
    csv += "\nl0,2024-01-01,1,,again\nyoung,2024-06-20,1,,hi\n"
    text = {"columns": [{"column": "title", "name": "title"}]}
    return describe(read(csv, text=text, forbidden=["won", "wonn"], **keys))


def line(text: str, start: str) -> list[str]:
    [found] = [row for row in text.splitlines() if row.strip().startswith(start)]
    return found.split()


def test_counts_are_those_of_the_table(read):
    text = described(read)
    assert line(text, "rows read")[-1] == "22"
    assert line(text, "rows in quarantine")[-1] == "1"
    assert line(text, "of them, a lead")[-1] == "1"
    assert line(text, "immature")[-1] == "1"
    assert line(text, "order ")[-1] == "1"
    # round(0.3 * 20) = 6 mature rows in test, none with an order
    assert line(text, "test") == ["test", "6", "6", "0", "0.00%"]
    assert line(text, "visits")[-1] == "4.8%"  # 1 of 21
    assert line(text, "median")[-1] == "2"
    assert "forbidden, but not in the table (a typo?): wonn" in text


def test_orders_that_the_label_does_not_count_are_shown(read):
    csv = "id,at,visits,won\n" + "".join(
        f"l{i},2024-02-05,1,{won}\n"
        for i, won in enumerate(["2024-02-01", "2024-02-06", "2024-04-01", "2024-05-01"])
    )
    text = describe(read(csv))
    assert line(text, "ordered before the snapshot")[-1] == "1"
    assert line(text, "ordered after the horizon")[-1] == "2"


@pytest.mark.parametrize(("ordered", "few"), [(12, ""), (9, "test 9"), (0, "test 0")])
def test_parts_in_which_too_few_leads_ordered_are_named(read, ordered, few):
    """200 rows in time: 120 train, 20 validation, 60 test; an order each where they order."""
    csv = "id,at,visits,won\n" + "".join(
        f"l{i},{date(2023, 1, 1) + timedelta(days=i)},1,"
        f"{date(2023, 1, 2) + timedelta(days=i) if i < 140 + ordered else ''}\n"
        for i in range(200)
    )
    text = describe(read(csv))
    assert ("Too few leads ordered" in text) == bool(few)
    assert not few or f"Too few leads ordered: {few}. From" in text


def test_a_label_without_a_time_tells_nothing_of_orders_too_early_or_late(read):
    stages = [{"name": "order", "column": "won", "values": ["1"]}]
    text = describe(
        read("id,at,visits,won\na,2024-01-05,1,1\nb,2024-01-05,1,0\n", stages=stages)
    )
    assert "ordered before" not in text
    assert "ordered after" not in text


def test_no_line_is_longer_than_80_columns(read):
    text = described(read, about="very long words " * 20, missing=["", "x" * 200])
    assert max(map(len, text.splitlines())) <= 80


def test_unlabelled_rows_are_described_without_parts(read):
    text = described(read, labelled=False)
    assert "parts: none, the rows were read without labels" in text
    assert "deepest stage" not in text
    assert "a typo?" not in text


def test_declared_soft_signals_are_shown_with_the_one_that_makes_pairs(read):
    text = described(read, soft_signals=[{"column": "visits"}])
    assert "soft signals: visits" in text
    assert "scheme `paper` make pairs of the first, visits" in text
    assert "soft signals" not in described(read)
