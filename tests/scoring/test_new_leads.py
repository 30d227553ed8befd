"""Which files `leadrank score` reads: those given, and the CRM's own for the rest."""

from dataclasses import replace
from types import SimpleNamespace

import duckdb
import polars as pl
import pytest
import yaml

from leadrank.cli import score as command
from leadrank.errors import UserError
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.scoring.call_list import rank_predictions
from leadrank.scoring.new_leads import with_tables

QUERY = "select leads.*, deals.won from leads left join deals using (id) order by id"
TABLES = {"leads": "leads.csv", "deals": "deals.csv"}
NEW = "id,at,visits\nn1,2024-09-01,7\nn2,2024-09-02,8\n"


@pytest.fixture
def make_crm(tmp_path):
    """A CRM file whose leads and deals lie in `root`; keys of `source` may be changed."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "leads.csv").write_text("id,at,visits\na,2024-01-01,1\n")
    (root / "deals.csv").write_text("id,won\na,2024-01-05\n")
    (tmp_path / "new.csv").write_text(NEW)

    def make(**source):
        content = {
            "name": "two",
            "source": source or {"tables": TABLES, "query": QUERY},
            "timezone": "UTC",
            "lead_id": "id",
            "snapshot": {"column": "at", "kind": "time"},
            "horizon_days": 30,
            "extract": "2024-06-30",
            "stages": [
                {"name": "lead", "always": True},
                {"name": "order", "reached_at": "won"},
            ],
            "fields": {"numeric": [{"column": "visits", "name": "visits"}]},
            "split": {"kind": "time"},
        }
        (tmp_path / "crm.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return load_crm_file(tmp_path / "crm.yaml")

    return make


def read(crm, given, root):
    moved, left = with_tables(crm, [str(word) for word in given], root)
    return read_lead_table(moved, root, labelled=False).rows, left


def test_a_table_that_is_not_given_is_read_from_the_root_and_told(make_crm, tmp_path):
    root = tmp_path / "root"
    rows, left = read(make_crm(), [f"leads={tmp_path / 'new.csv'}"], root)
    assert rows["lead_id"].to_list() == ["n1", "n2"]
    assert left == [f"deals: {root / 'deals.csv'}"]


def test_tables_that_are_nowhere_are_named_with_what_to_do(make_crm, tmp_path):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(UserError) as error:
        with_tables(make_crm(), [f"deal={tmp_path / 'new.csv'}"], nowhere)
    said = str(error.value)
    assert "the CRM file has no table 'deal'" in said
    for name in TABLES:
        assert f"no file given for table {name!r}, and there is no {nowhere / name}.csv" in said
    assert "an empty file with the same columns does" in said


def test_an_empty_table_of_outcomes_does(make_crm, tmp_path):
    (tmp_path / "empty.csv").write_text("id,won\n")
    given = [f"leads={tmp_path / 'new.csv'}", f"deals={tmp_path / 'empty.csv'}"]
    rows, left = read(make_crm(), given, tmp_path)
    assert rows["visits"].to_list() == [7, 8]
    assert left == []


def test_the_only_table_needs_no_name(make_crm, tmp_path):
    crm = make_crm(tables={"leads": "leads.csv"})
    assert read(crm, [tmp_path / "new.csv"], tmp_path)[0].height == 2


def test_a_query_without_tables_has_none_to_replace(make_crm, tmp_path):
    crm = make_crm(
        tables={}, query=QUERY.replace("leads left", "read_csv('leads.csv') leads left")
    )
    with pytest.raises(UserError, match=r"crm\.yaml: source\.tables is empty"):
        with_tables(crm, ["new.csv"], tmp_path)


def test_one_of_several_tables_needs_one(make_crm, tmp_path):
    with pytest.raises(UserError, match=r"say which one this is: --data leads=new\.csv"):
        with_tables(make_crm(), ["new.csv"], tmp_path)


def _database(path, rows):
    with duckdb.connect(str(path)) as database:
        database.execute(
            f'create table leads as select * from (values {rows}) t(id, "at", visits)'
        )


def test_an_attached_database_is_read_under_the_root(make_crm, tmp_path, monkeypatch):
    _database(tmp_path / "root" / "crm.duckdb", "('a', '2024-01-01', 1)")
    query = "select leads.* from leads semi join crm.leads as known using (id)"
    crm = make_crm(tables={"leads": "leads.csv"}, attach={"crm": "crm.duckdb"}, query=query)
    (tmp_path / "new.csv").write_text(NEW + "a,2024-09-03,9\n")
    monkeypatch.chdir(tmp_path)
    rows, left = read(crm, ["new.csv"], tmp_path / "root")
    assert rows["lead_id"].to_list() == ["a"]
    assert left == [f"crm: {tmp_path / 'root' / 'crm.duckdb'}"]


def test_a_crm_of_databases_alone_says_how_to_give_one(make_crm, tmp_path):
    _database(tmp_path / "new.duckdb", "('n1', '2024-09-01', 7)")
    crm = make_crm(attach={"crm": "crm.duckdb"}, query="select * from crm.leads")
    with pytest.raises(UserError, match=r"no tables but .* crm; .* --data crm=new.duckdb"):
        with_tables(crm, ["new.duckdb"], tmp_path)
    rows, _ = read(crm, [f"crm={tmp_path / 'new.duckdb'}"], tmp_path)
    assert rows["lead_id"].to_list() == ["n1"]


def test_the_command_reads_the_rest_under_its_root(
    make_crm, tmp_path, monkeypatch, command_line, capsys
):
    def score_table(saved, table, dense):
        keys = table.rows.select("row_id", "lead_id", "snapshot", "group")
        return rank_predictions(
            keys.with_columns(score=pl.lit(0.0), probability=pl.Series([0.5, 0.01]))
        )

    loaded = []

    def load_model(folder, base, engine):
        loaded.append(folder)
        return SimpleNamespace(base_rate=0.1)

    monkeypatch.setattr(
        command, "load_run", lambda folder: SimpleNamespace(model_folder=folder)
    )
    crm = replace(make_crm(), timezone="Europe/Vienna")
    monkeypatch.setattr(command, "load_crm_file", lambda file: crm)
    monkeypatch.setattr(command, "load_model", load_model)
    monkeypatch.setattr(command, "score_table", score_table)
    words = ["score", "--run", "run", "--data", f"leads={tmp_path / 'new.csv'}"]
    out = tmp_path / "calls.csv"
    assert command_line(*words, "--out", out, "--root", tmp_path / "root") == 0
    assert "read from the data root: deals" in capsys.readouterr().out
    assert sorted(pl.read_csv(out)["lead_id"]) == ["n1", "n2"]
    # Five times the base rate, and a tenth of it.
    assert pl.read_csv(out)["grade"].to_list() == ["A", "E"]
    # Midnight in Vienna, which is the evening before in UTC.
    assert "2024-09-01T00:00:00.000000+0200" in out.read_text("utf-8")
    words += ["--out", out, "--root", tmp_path / "elsewhere"]
    loaded.clear()
    assert command_line(*words) == 2
    assert not loaded  # nobody waits for a model to hear of a missing file
    # With all tables given there is nothing to read there.
    assert command_line(*words, "--data", f"deals={tmp_path / 'root' / 'deals.csv'}") == 0
