import pytest

from leadrank.errors import UserError
from leadrank.funnel import UnusableRowsError, read_lead_table

HEAD = "id,at,visits,won,w\n"
GOOD = "good,2024-01-01,1,,1\n"


@pytest.mark.parametrize(
    ("row", "column", "value", "expected"),
    [
        ("good,2024-01-01,2,,1", "id", "good", "one row per lead and snapshot"),
        (",2024-01-01,1,,1", "id", None, "a lead id"),
        ("b,01/02/2024,1,,1", "at", "01/02/2024", "an ISO time"),
        ("b,,1,,1", "at", None, "an ISO time"),
        ("b,2024-01-01,many,,1", "visits", "many", "a finite number"),
        ('b,2024-01-01,"1,5",,1', "visits", "1,5", "a finite number"),
        ("b,2024-01-01,inf,,1", "visits", "inf", "a finite number"),
        ("b,2024-01-01,1,soon,1", "won", "soon", "an ISO time"),
        ("b,2024-01-01,1,,0", "w", "0", "a weight above 0"),
        ("b,2024-01-01,1,,", "w", None, "a weight above 0"),
        ("b,2024-07-01,1,,1", "at", "2024-07-01", "no later than the extract"),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_its_reason(read, row, column, value, expected):
    table = read(HEAD + GOOD + row + "\n", weight="w")
    [(row_id, _, its_column, its_value, reason)] = table.report.quarantine.iter_rows()
    assert (row_id, its_column, its_value) == (1, column, value)
    assert expected in reason
    assert table.rows["row_id"].to_list() == [0]
    assert table.report.rows_read == 2


def test_the_quarantine_names_the_lead_of_a_row_where_it_has_one(read):
    table = read(HEAD + GOOD + "b,soon,1,,1\n,2024-01-01,1,,1\n")
    assert table.report.quarantine["lead_id"].to_list() == ["b", None]


def test_a_missing_label_of_a_mature_row_is_a_problem(read):
    stages = [{"name": "order", "column": "won", "values": ["1"]}]
    table = read(HEAD + "a,2024-01-01,1,,1\nb,2024-01-01,1,0,1\n", stages=stages)
    assert table.report.quarantine.row(0)[:4] == (0, "a", "won", None)
    assert table.rows["lead_id"].to_list() == ["b"]


def test_mixed_date_formats_are_problems_not_guesses(read):
    csv = HEAD + GOOD + "b,02.01.2024,1,,1\nc,2024-01-03 10:00,1,,1\nd,1/4/24,1,,1\n"
    assert read(csv).report.quarantine["row_id"].to_list() == [1, 3]


def test_every_problem_of_a_row_is_listed_and_the_row_counted_once(read):
    table = read(HEAD + GOOD + ",soon,many,,1\n")
    assert table.report.quarantine["column"].sort().to_list() == ["at", "id", "visits"]
    assert table.rows.height == 1


def test_too_many_unusable_rows_stop_with_the_first_ten(read):
    bad = "".join(f"b{i},soon,1,,1\n" for i in range(12))
    with pytest.raises(UserError) as error:
        read(HEAD + GOOD + bad, max_unusable=0.5)
    message = str(error.value)
    assert "12 of 13 rows of the table are unusable, more than max_unusable (50.00%)" in message
    assert message.count("'soon'; expected an ISO time") == 10
    assert "and 2 more" in message


def test_a_refused_table_carries_every_problem_of_its_rows_and_events(make_crm, tmp_path):
    (tmp_path / "leads.csv").write_text("id,at,visits,won\na,soon,1,\n")
    calls = "".join(f"a,{i}.1.2024,hello\n" for i in range(12))
    (tmp_path / "calls.csv").write_text("lead,at,said\n" + calls)
    events = {"table": "calls", "lead_id": "lead", "at": "at", "text": "said"}
    source = {"tables": {"leads": "leads.csv", "calls": "calls.csv"}, "query": "from leads"}
    crm = make_crm(source=source, text={"events": events}, max_unusable=0)
    with pytest.raises(UnusableRowsError) as error:
        read_lead_table(crm, tmp_path)
    assert "1 of 1 rows of the table" in str(error.value)
    assert "12 of 12 rows of the events table" in str(error.value)
    problems = error.value.quarantine
    assert problems["column"].to_list() == ["at"] + 12 * ["calls.at"]
    assert set(problems["lead_id"]) == {"a"}


def test_a_share_of_exactly_max_unusable_passes(read):
    table = read(HEAD + GOOD + "b,soon,1,,1\n", max_unusable=0.5)
    assert table.rows.height == 1


def test_missing_strings_are_missing_and_not_unreadable(read):
    table = read(HEAD + "a,2024-01-01,n/a,,1\n", missing=["", "n/a"])
    assert table.rows["visits"].to_list() == [None]
    assert table.report.quarantine.is_empty()


def test_unix_milliseconds_are_a_problem(read):
    snapshot = {"column": "at", "kind": "unix"}
    table = read(HEAD + "a,1704067200,1,,1\nb,1704067200000,1,,1\n", snapshot=snapshot)
    assert table.report.quarantine["value"].to_list() == ["1704067200000"]
    assert str(table.rows["snapshot"][0]) == "2024-01-01 00:00:00+00:00"


def test_rows_to_score_may_be_newer_than_the_extract(read):
    # The extract is of 30 June 2024.
    table = read(HEAD + GOOD + "new,2024-09-01,1,,1\n", labelled=False, max_unusable=0)
    assert table.rows["lead_id"].to_list() == ["good", "new"]


def test_what_only_training_needs_is_not_read_from_rows_to_score(read):
    stages = [
        {"name": "lead", "always": True},
        {"name": "order", "reached_at": "won"},
        {"name": "large order", "column": "paid", "at_least": 5},
    ]
    keys = {"stages": stages, "weight": "w", "soft_signals": [{"column": "minutes"}]}
    csv = "id,at,visits,won,paid,w,minutes\na,2024-09-01,1,soon,lots,0,long\n"
    table = read(csv, labelled=False, max_unusable=0, **keys)
    assert table.report.quarantine.is_empty()
    assert table.rows.select("weight", "minutes").row(0) == (1.0, None)
    assert read(csv, **keys).report.quarantine["column"].sort().to_list() == [
        "at", "minutes", "paid", "w", "won",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "column"),
    [(",2024-09-01,1,", "id"), ("b,soon,1,", "at"), ("b,2024-09-01,many,", "visits")],
)
def test_keys_and_inputs_are_checked_in_rows_to_score(read, row, column):
    table = read(HEAD + GOOD + row + ",1\n", labelled=False)
    assert table.report.quarantine["column"].to_list() == [column]


def test_note_times_are_checked_in_rows_to_score(read):
    text = {"columns": [{"column": "note", "name": "note", "at": "noted"}]}
    csv = "id,at,visits,note,noted\na,2024-09-01,1,hello,soon\n"
    table = read(csv, labelled=False, text=text)
    assert table.report.quarantine["column"].to_list() == ["noted"]
