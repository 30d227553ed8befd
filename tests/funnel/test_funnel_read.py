import gzip
import json

import duckdb
import pytest

from leadrank.errors import UserError
from leadrank.funnel import read_lead_table

CSV = "id,at,visits,won\n007,2024-01-01,3,\n008,2024-01-02,4,2024-01-09\n"


def test_csv_values_stay_as_written(read):
    assert read(CSV).rows["lead_id"].to_list() == ["007", "008"]


def test_a_long_id_keeps_every_digit(read):
    table = read(CSV.replace("007", "9837261982736482392"))
    assert table.rows["lead_id"][0] == "9837261982736482392"


def test_an_absent_root_names_the_path_and_where_the_data_come_from(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"nowhere is no folder\. Ask the sales team"):
        read_lead_table(make_crm(), tmp_path / "nowhere")


def test_an_absent_file_names_the_path_and_where_the_data_come_from(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"no file .*leads\.csv\. Ask the sales team"):
        read_lead_table(make_crm(), tmp_path)


def test_all_missing_columns_are_named_with_the_nearest(read):
    with pytest.raises(UserError) as error:
        read("id,at,Visit,when\n1,2024-01-01,3,\n")
    assert "fields.numeric: no column 'visits'; did you mean 'Visit'?" in str(error.value)
    assert "stages.1: no column 'won'" in str(error.value)


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


def test_an_empty_source_is_an_error(read):
    with pytest.raises(UserError, match="the source has no rows"):
        read("id,at,visits,won\n")


def test_an_unknown_suffix_names_the_known_ones(make_crm, tmp_path):
    (tmp_path / "leads.xlsx").write_bytes(b"x")
    with pytest.raises(UserError, match=r"leads\.xlsx: expected \.csv"):
        read_lead_table(make_crm(source={"tables": {"leads": "leads.xlsx"}}), tmp_path)


def test_undeclared_columns_are_ignored_with_a_note(read):
    table = read("id,at,visits,won,secret\n1,2024-01-01,3,,x\n")
    assert table.report.ignored_columns == ("secret",)
    assert "secret" not in table.rows.columns
