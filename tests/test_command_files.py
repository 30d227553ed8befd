"""Commands make the folders of the files that they write, and miss the ones that they read."""

import polars as pl


def test_check_makes_the_folder_of_the_quarantine(small_crm, tmp_path, command_line):
    rows = small_crm.rows()
    small_crm.write([rows[0] | {"visits": "many"}, *rows[1:]])
    file = tmp_path / "new" / "folder" / "bad.csv"
    words = ["check", small_crm.change(max_unusable=0.5), "--root", small_crm.root]
    assert command_line(*words, "--quarantine", file) == 0
    assert pl.read_csv(file)["value"].to_list() == ["many"]


def test_check_writes_the_quarantine_of_a_table_that_it_refuses(
    small_crm, tmp_path, command_line, capsys
):
    rows = small_crm.rows()
    small_crm.write([rows[0] | {"visits": "many"}, *rows[1:]])
    file = tmp_path / "new" / "bad.csv"
    words = ["check", small_crm.crm, "--root", small_crm.root, "--quarantine", file]
    assert command_line(*words) == 2
    assert "1 of 240 rows of the table are unusable" in capsys.readouterr().err
    assert pl.read_csv(file).row(0)[:4] == (0, rows[0]["lead"], "visits", "many")


def test_init_makes_the_folder_of_the_crm_file(small_crm, tmp_path, command_line):
    file = tmp_path / "new" / "folder" / "crm.yaml"
    assert command_line("init", small_crm.root / "leads.csv", "--out", file) == 0
    assert "confirmed: false" in file.read_text("utf-8")


def test_report_names_the_file_of_rivals_that_a_run_lacks(tmp_path, command_line, capsys):
    (tmp_path / "metrics.json").write_text("{}")
    pl.DataFrame({"row_id": [0]}).write_parquet(tmp_path / "predictions.parquet")
    assert command_line("report", "--run", tmp_path) == 2
    assert f"{tmp_path}: there is no rivals.parquet" in capsys.readouterr().err
