import pytest

from leadrank.errors import UserError
from leadrank.funnel import draft_crm_file, load_crm_file, read_lead_table

HEAD = "lead_id,created,visits,channel,note,closed_at,converted,country\n"
ROWS = [
    f"{i:04d},2024-01-{i % 28 + 1:02d},{i % 7},{'web' if i % 2 else 'shop'},"
    f"asked for the price of car {i},2024-03-{i % 9 + 1:02d},{int(i % 9 == 0)},DE"
    for i in range(60)
]


@pytest.fixture
def drafted(tmp_path):
    (tmp_path / "leads.csv").write_text(HEAD + "\n".join(ROWS) + "\n")
    path = tmp_path / "crm.yaml"
    path.write_text(draft_crm_file(tmp_path / "leads.csv"))
    return path


def test_a_draft_must_be_confirmed(drafted):
    with pytest.raises(UserError, match="not confirmed"):
        load_crm_file(drafted)


def test_a_confirmed_draft_reads_its_table(drafted):
    drafted.write_text(drafted.read_text().replace("confirmed: false", "confirmed: true"))
    table = read_lead_table(load_crm_file(drafted), drafted.parent)
    assert table.rows["label"].sum() == 7  # 0, 9, ..., 54
    crm = table.crm
    assert (crm.lead_id, crm.snapshot.column) == ("lead_id", "created")
    assert [f.column for f in crm.fields.numeric] == ["visits"]
    assert [f.column for f in crm.fields.categorical] == ["channel"]
    assert [c.column for c in crm.text.columns] == ["note"]
    assert crm.forbidden == ("converted", "closed_at")


def test_each_placeholder_of_a_draft_is_named_as_one(tmp_path):
    (tmp_path / "leads.csv").write_text("visits,channel\n1,web\n1,shop\n2,web\n3,web\n")
    path = tmp_path / "crm.yaml"
    path.write_text(draft_crm_file(tmp_path / "leads.csv").replace("false", "true", 1))
    with pytest.raises(UserError, match="3 problems") as error:
        load_crm_file(path)
    for key in ("lead_id", "snapshot.column", "stages.1"):
        assert f"{key}: CHANGE_ME is a placeholder of the draft" in str(error.value)


def test_every_guessed_line_is_marked(drafted):
    guessed = ("lead_id:", "snapshot:", "timezone:", "extract:", "- {column:", "- {name: order")
    for line in drafted.read_text().splitlines():
        if line.strip().startswith(guessed):
            assert "GUESS" in line


def test_a_column_with_one_value_is_left_out_by_name(drafted):
    assert '# GUESS, left out: "country" (one value only)' in drafted.read_text()


def test_awkward_column_names_survive_quoting(tmp_path):
    (tmp_path / "leads.csv").write_text(
        'id,"a: b # ""c""",created\n1,5,2024-01-01\n2,6,2024-01-02\n'
    )
    path = tmp_path / "crm.yaml"
    path.write_text(
        draft_crm_file(tmp_path / "leads.csv").replace("confirmed: false", "confirmed: true")
    )
    assert load_crm_file(path).fields.numeric[0].column == 'a: b # "c"'


def test_an_absent_table_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no file .*absent\.csv"):
        draft_crm_file(tmp_path / "absent.csv")


def test_a_table_that_is_no_utf8_text_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(UserError, match=r"leads\.csv: not UTF-8 at line 1, byte 0") as error:
        draft_crm_file(path)
    assert "\n" not in str(error.value)


def test_the_options_that_duckdb_lists_are_left_out(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text("id,at\n" + "1,2\n" * 3_000 + "1,2,3,4\n")
    with pytest.raises(UserError, match="DuckDB cannot read the table") as error:
        draft_crm_file(path)
    assert "strict_mode" not in str(error.value)
