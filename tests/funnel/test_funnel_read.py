import gzip
import json

import duckdb
import pytest

from leadrank.errors import UserError
from leadrank.funnel import LeadTable, draft_crm_file, read_lead_table

CSV = "id,at,visits,won\n007,2024-01-01,3,\n008,2024-01-02,4,2024-01-09\n"


def test_csv_values_stay_as_written(read):
    assert read(CSV).rows["lead_id"].to_list() == ["007", "008"]


def test_a_long_id_keeps_every_digit(read):
    table = read(CSV.replace("007", "9837261982736482392"))
    assert table.rows["lead_id"][0] == "9837261982736482392"


def test_an_absent_root_names_the_path_and_where_the_data_come_from(make_crm, tmp_path):
    with pytest.raises(UserError) as error:
        read_lead_table(make_crm(), tmp_path / "nowhere")
    assert f"the data root {tmp_path / 'nowhere'} is no folder; say where" in str(error.value)
    assert "--root" in str(error.value)
    assert "Ask the sales team" in str(error.value)


def test_an_absent_file_names_the_path_and_where_the_data_come_from(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"no file .*leads\.csv.*\. Ask the sales team"):
        read_lead_table(make_crm(), tmp_path)


def test_an_absent_file_of_a_relative_root_says_the_folder_and_how_to_name_another(
    make_crm, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        read_lead_table(make_crm(), ".")
    assert f"there is no file {tmp_path / 'leads.csv'}; say where" in str(error.value)
    assert "--root (of fit: --data.root) or $LEADRANK_DATA" in str(error.value)


def test_an_absent_file_that_was_named_whole_has_no_need_of_a_root(make_crm, tmp_path):
    file = tmp_path / "new.csv"
    with pytest.raises(UserError) as error:
        read_lead_table(make_crm(source={"tables": {"leads": str(file)}}), tmp_path)
    assert f"there is no file {file}." in str(error.value)


def test_all_missing_columns_are_named_with_the_nearest(read):
    with pytest.raises(UserError) as error:
        read("id,at,Visit,when\n1,2024-01-01,3,\n")
    assert "fields.numeric: no column 'visits'; did you mean 'Visit'?" in str(error.value)
    assert "stages.1: no column 'won'" in str(error.value)
    assert "missing from leads (leads.csv):" in str(error.value)


def test_a_column_that_several_keys_name_is_missed_for_each(read):
    with pytest.raises(UserError) as error:
        read("at,visits,won\n2024-01-01,3,\n", group={"columns": ["id"]})
    assert "lead_id: no column 'id'" in str(error.value)
    assert "group.columns: no column 'id'" in str(error.value)


def test_bytes_that_are_not_utf8_are_located_in_csv(make_crm, tmp_path):
    # 17 bytes of header, then 5 of "1,caf": the bad byte has 22 before it.
    (tmp_path / "leads.csv").write_bytes(b"id,at,visits,won\n1,caf\xe9,3,\n")
    with pytest.raises(UserError, match=r"leads\.csv: not UTF-8 at line 2, byte 22"):
        read_lead_table(make_crm(), tmp_path)


def test_bytes_that_are_not_utf8_are_located_in_jsonl(make_crm, tmp_path):
    # 12 bytes of the first line, then 11 of '{"id": "caf'.
    (tmp_path / "leads.jsonl").write_bytes(b'{"id": "1"}\n{"id": "caf\xe9"}\n')
    crm = make_crm(source={"tables": {"leads": "leads.jsonl"}})
    with pytest.raises(UserError, match=r"leads\.jsonl: not UTF-8 at line 2, byte 23"):
        read_lead_table(crm, tmp_path)


def test_a_table_in_latin_1_is_told_how_to_save_it(make_crm, tmp_path):
    (tmp_path / "leads.csv").write_bytes(CSV.replace("007", "Döbling").encode("latin-1"))
    with pytest.raises(UserError, match=r"leads\.csv: not UTF-8 .*iconv -f latin1 -t utf-8"):
        read_lead_table(make_crm(), tmp_path)


def test_a_query_that_reads_no_table_is_named_alone(make_crm, tmp_path):
    source = {"tables": {}, "query": "select 1 as other"}
    with pytest.raises(UserError, match=r"missing from the result of source\.query:\n"):
        read_lead_table(make_crm(source=source), tmp_path)


def test_a_database_is_not_blamed_for_its_bytes(make_crm, tmp_path):
    (tmp_path / "leads.csv").write_text(CSV)
    with duckdb.connect(str(tmp_path / "notes.duckdb")) as connection:
        connection.execute("create table calls (id varchar)")
    source = {
        "tables": {"leads": "leads.csv"},
        "attach": {"notes": "notes.duckdb"},
        "query": "select *, nope from leads",
    }
    with pytest.raises(UserError, match=r"none has a column 'nope'") as error:
        read_lead_table(make_crm(source=source), tmp_path)
    assert "UTF-8" not in str(error.value)
    assert "notes (" in str(error.value)


def test_a_broken_gzip_is_a_clear_error(make_crm, tmp_path):
    (tmp_path / "leads.csv.gz").write_bytes(b"\x1f\x8b no gzip")
    with pytest.raises(UserError, match=r"DuckDB cannot read the source(.|\n)*leads\.csv\.gz"):
        read_lead_table(make_crm(source={"tables": {"leads": "leads.csv.gz"}}), tmp_path)
    with pytest.raises(UserError, match=r"leads\.csv\.gz: DuckDB cannot read the table"):
        draft_crm_file(tmp_path / "leads.csv.gz")


def test_jsonl_times_keep_their_zone(make_crm, tmp_path):
    row = {"id": 1, "at": "2024-01-01T10:00:00+02:00", "visits": 1, "won": None}
    (tmp_path / "leads.jsonl").write_text(json.dumps(row) + "\n")
    crm = make_crm(source={"tables": {"leads": "leads.jsonl"}})
    snapshot = read_lead_table(crm, tmp_path).rows["snapshot"][0]
    assert str(snapshot) == "2024-01-01 08:00:00+00:00"


def test_gzipped_csv_and_parquet_give_the_same_rows(make_crm, tmp_path):
    (tmp_path / "leads.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{tmp_path}/leads.csv.gz', all_varchar=true))"
            f" TO '{tmp_path}/leads.parquet'"
        )
    tables = [
        read_lead_table(make_crm(source={"tables": {"leads": name}}), tmp_path)
        for name in ("leads.csv.gz", "leads.parquet")
    ]
    assert tables[0].rows.equals(tables[1].rows)


def test_a_query_joins_the_named_tables(make_crm, tmp_path):
    (tmp_path / "leads.csv").write_text("id,at,visits\n1,2024-01-01,3\n2,2024-01-02,4\n")
    (tmp_path / "deals.csv").write_text("id,won\n2,2024-01-09\n")
    source = {
        "tables": {"leads": "leads.csv", "deals": "deals.csv"},
        "query": "select leads.*, won from leads left join deals using (id) order by id",
    }
    assert read_lead_table(make_crm(source=source), tmp_path).rows["label"].to_list() == [0, 1]


def test_an_attached_database_is_queried(make_crm, tmp_path):
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute(
            "create table leads as select 1 as id, date '2024-01-01' as at, 2 as visits, "
            "null::date as won"
        )
    source = {"attach": {"crm": "crm.duckdb"}, "query": "from crm.leads"}
    assert read_lead_table(make_crm(source=source), tmp_path).rows["visits"].to_list() == [2.0]


def test_a_wrong_query_shows_what_duckdb_said(make_crm, tmp_path):
    (tmp_path / "leads.csv").write_text(CSV)
    source = {"tables": {"leads": "leads.csv"}, "query": "select nope from leads"}
    with pytest.raises(UserError, match=r"crm\.yaml: DuckDB cannot read the source.*nope"):
        read_lead_table(make_crm(source=source), tmp_path)


def joined(make_crm, tmp_path, leads: str, deals: str, query: str = "from leads") -> LeadTable:
    (tmp_path / "leads.csv").write_text(leads)
    (tmp_path / "deals.csv").write_text(deals)
    tables = {"leads": "leads.csv", "deals": "deals.csv"}
    return read_lead_table(make_crm(source={"tables": tables, "query": query}), tmp_path)


def test_a_column_that_the_query_misses_is_said_with_the_files_that_it_read(make_crm, tmp_path):
    # DuckDB takes it for the alias, and says that it comes too early.
    query = "select * exclude (visit), replace(visits, '.', '') as visits from leads"
    with pytest.raises(UserError) as error:
        joined(make_crm, tmp_path, "id,at,won,visit\n1,2024-01-01,,3\n", "id\n1\n", query)
    said = str(error.value)
    assert f"leads ({tmp_path / 'leads.csv'}), deals ({tmp_path / 'deals.csv'})" in said
    assert "none has a column 'visits'; did you mean 'visit'?" in said


def test_a_column_that_a_table_has_is_not_said_to_be_in_none(make_crm, tmp_path):
    with pytest.raises(UserError) as error:
        joined(make_crm, tmp_path, CSV, "id,paid\n1,2\n", "select *, paid from leads")
    assert "deals.csv" in str(error.value)
    assert "none has" not in str(error.value)


def test_columns_missing_from_the_result_of_a_query_are_said_with_its_files(make_crm, tmp_path):
    with pytest.raises(UserError) as error:
        joined(make_crm, tmp_path, "id,at,won\n1,2024-01-01,\n", "id\n1\n")
    said = str(error.value)
    assert "the result of source.query over leads (leads.csv), deals (deals.csv)" in said
    assert "fields.numeric: no column 'visits'" in said


def test_a_source_without_rows_names_the_table_that_has_none(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"no rows; there are none in leads \(leads\.csv\)\."):
        joined(make_crm, tmp_path, "id,at,visits,won\n", "id\n1\n")


def test_a_query_that_drops_every_row_is_to_be_looked_at(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"no rows; look at source\.query"):
        joined(make_crm, tmp_path, CSV, "id\n1\n", "from leads where id = 'none'")


def test_a_file_of_no_bytes_is_named(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"leads\.csv: the file is empty"):
        joined(make_crm, tmp_path, "", "id\n1\n")


def test_bytes_that_are_not_utf8_are_located_beyond_the_lines_that_duckdb_samples(
    make_crm, tmp_path
):
    lines = b"id,at,visits,won\n" + b"1,2024-01-01,3,\n" * 30_000
    (tmp_path / "leads.csv").write_bytes(lines + b"caf\xe9,2024-01-01,3,\n")
    with pytest.raises(UserError, match=r"leads\.csv: not UTF-8 at line 30002, byte 480020"):
        read_lead_table(make_crm(), tmp_path)


def test_the_options_that_duckdb_lists_are_left_out(make_crm, tmp_path):
    lines = "id,at,visits,won\n" + "1,2024-01-01,3,\n" * 30_000
    with pytest.raises(UserError, match="Expected Number of Columns: 4 Found: 5") as error:
        joined(make_crm, tmp_path, lines + "1,2,3,4,5,6\n", "id\n1\n")
    assert "Possible fixes" not in str(error.value)


def test_an_unknown_suffix_names_the_known_ones(make_crm, tmp_path):
    (tmp_path / "leads.xlsx").write_bytes(b"x")
    with pytest.raises(UserError, match=r"leads\.xlsx: expected \.csv"):
        read_lead_table(make_crm(source={"tables": {"leads": "leads.xlsx"}}), tmp_path)


def test_undeclared_columns_are_ignored_with_a_note(read):
    table = read("id,at,visits,won,secret\n1,2024-01-01,3,,x\n")
    assert table.report.ignored_columns == ("secret",)
    assert "secret" not in table.rows.columns
