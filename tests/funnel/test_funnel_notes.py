import duckdb
import pytest

from leadrank.errors import UserError
from leadrank.funnel import read_lead_table

TEXT = {"columns": [{"column": "note", "name": "call note", "at": "note_at"}]}
EVENTS = {
    "events": {"table": "calls", "lead_id": "lead", "at": "at", "author": "who", "text": "said"}
}
GERMAN = "a,04.01.2024,Ann,early\na,06.01.2024,Ann,late\n"
TABLES = {"tables": {"leads": "leads.csv", "calls": "calls.csv"}}


def texts(table) -> list[list[str]]:
    return [[note["text"] for note in notes] for notes in table.rows["text"].to_list()]


def with_calls(make_crm, tmp_path, leads: str, calls: str, **keys):
    (tmp_path / "leads.csv").write_text("id,at,visits,won\n" + leads)
    (tmp_path / "calls.csv").write_text("lead,at,who,said\n" + calls)
    return read_lead_table(make_crm(source=TABLES, text=EVENTS, **keys), tmp_path)


def test_a_note_later_than_the_snapshot_is_dropped_and_counted(read):
    csv = (
        "id,at,visits,won,note,note_at\n"
        "a,2024-01-05,1,,before,2024-01-04\n"
        "b,2024-01-05,1,,at once,2024-01-05\n"
        "c,2024-01-05,1,,after,2024-01-05 00:00:01\n"
        "d,2024-01-05,1,,when?,\n"
    )
    table = read(csv, text=TEXT)
    assert texts(table) == [["before"], ["at once"], [], []]
    assert (table.report.notes.late, table.report.notes.undated) == (1, 1)


def test_events_are_joined_as_of_each_snapshot_newest_first(make_crm, tmp_path):
    table = with_calls(
        make_crm,
        tmp_path,
        "a,2024-01-05,1,\na,2024-01-10,1,\nb,2024-01-05,1,\n",
        "a,2024-01-01,Ann,first\na,2024-01-07,Bob,second\nz,2024-01-01,Ann,nobody's\n",
    )
    assert texts(table) == [["first"], ["second", "first"], []]
    # The second call is news to the first snapshot only; z is no lead.
    assert (table.report.notes.late, table.report.notes.orphan) == (1, 1)
    assert table.rows["text"][1].struct.field("name").to_list() == ["Bob", "Ann"]


def test_notes_of_leads_in_quarantine_are_told_from_those_of_unknown_leads(make_crm, tmp_path):
    calls = "".join(f"{lead},2024-01-01,Ann,hello\n" for lead in ("a", "b", "b", "z", ""))
    table = with_calls(make_crm, tmp_path, "a,2024-01-05,1,\nb,soon,1,\n", calls)
    assert table.rows["lead_id"].to_list() == ["a"]
    # Both of b, whose only row is unreadable; z is no lead, and one call names none.
    assert (table.report.notes.quarantined, table.report.notes.orphan) == (2, 2)


def test_an_event_at_an_unreadable_time_is_quarantined(make_crm, tmp_path):
    table = with_calls(make_crm, tmp_path, "a,2024-01-05,1,\n", "a,yesterday,Ann,hello\n")
    assert table.report.quarantine.row(0)[:4] == (0, "a", "calls.at", "yesterday")
    assert texts(table) == [[]]
    assert table.rows.height == 1


def test_too_many_unreadable_events_do_not_blame_the_query_which_cannot_reach_them(
    make_crm, tmp_path
):
    with pytest.raises(UserError) as error:
        with_calls(make_crm, tmp_path, "a,2024-01-05,1,\n", GERMAN, max_unusable=0)
    said = str(error.value)
    assert "2 of 2 rows of the events table are unusable" in said
    assert "Mend the table or source.query" not in said
    assert "text.events.table may name a view of an attached database" in said


def test_a_view_of_an_attached_database_reads_other_dates_of_events(make_crm, tmp_path):
    (tmp_path / "leads.csv").write_text("id,at,visits,won\na,2024-01-05,1,\n")
    (tmp_path / "calls.csv").write_text("lead,at,who,said\n" + GERMAN)
    with duckdb.connect(str(tmp_path / "notes.duckdb")) as connection:
        connection.execute(
            'create view calls as select * replace (strptime("at", \'%d.%m.%Y\') as "at") '
            f"from read_csv('{tmp_path}/calls.csv', all_varchar=true)"
        )
    source = {"tables": {"leads": "leads.csv"}, "attach": {"notes": "notes.duckdb"}}
    events = {"events": EVENTS["events"] | {"table": "notes.calls"}}
    crm = make_crm(source=source, text=events, max_unusable=0)
    assert texts(read_lead_table(crm, tmp_path)) == [["early"]]


def test_times_of_notes_and_snapshots_compare_as_instants(make_crm, tmp_path):
    # 2024-01-05 is 05:00 UTC in New York; 04:30 UTC is before it, 05:30 UTC after.
    calls = "a,2024-01-05 04:30Z,Ann,early\na,2024-01-05 05:30Z,Ann,late\n"
    table = with_calls(
        make_crm, tmp_path, "a,2024-01-05,1,\n", calls, timezone="America/New_York"
    )
    assert texts(table) == [["early"]]


def test_text_without_a_time_comes_first_in_declared_order(read):
    columns = [
        {"column": "old", "name": "old", "at": "old_at"},
        {"column": "title", "name": "title"},
        {"column": "body", "name": "body"},
    ]
    csv = "id,at,visits,won,old,old_at,title,body\na,2024-01-05,1,,o,2024-01-01,t,b\n"
    assert texts(read(csv, text={"columns": columns})) == [["t", "b", "o"]]


@pytest.mark.parametrize("text", ["", "   ", '"\n"'])
def test_empty_text_is_no_note(read, text):
    csv = f"id,at,visits,won,title\na,2024-01-05,1,,{text}\n"
    assert texts(read(csv, text={"columns": [{"column": "title", "name": "title"}]})) == [[]]


@pytest.mark.parametrize("text", ["<|im_end|> hello", "word " * 200_000 + "end", "你好 🍕"])
def test_unusual_text_stays_as_it_is(read, text):
    csv = f"id,at,visits,won,title\na,2024-01-05,1,,{text}\n"
    assert texts(read(csv, text={"columns": [{"column": "title", "name": "title"}]})) == [
        [text]
    ]
