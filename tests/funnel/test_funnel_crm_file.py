from pathlib import Path

import pytest
import yaml

from leadrank.errors import UserError
from leadrank.funnel import Funnel, dump_crm_file, load_crm_file


def test_a_misspelt_key_names_the_nearest_valid_one(make_crm):
    fields = {"numeric": [{"colum": "visits", "name": "visits"}]}
    with pytest.raises(UserError, match=r"fields\.numeric\.0\.colum: .*did you mean 'column'"):
        make_crm(fields=fields)


def test_all_problems_come_at_once(make_crm):
    with pytest.raises(UserError) as error:
        make_crm(timezone="Europe/Berln", horizon_days=0, snapshot={"column": "at"}, nmae="x")
    message = str(error.value)
    assert "4 problems" in message
    assert "timezone: no such time zone; did you mean 'Europe/Berlin'?" in message
    assert "horizon_days: " in message
    assert "snapshot.kind: this key is required" in message
    assert "nmae: unknown key; did you mean 'name'?" in message


STAGE = {"name": "order", "column": "won", "values": ["1"]}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"forbidden": ["visits"]}, "'visits' is listed under `forbidden`"),
        (
            {"forbidden": ["note"], "text": {"columns": [{"column": "note", "name": "n"}]}},
            "note",
        ),
        ({"stages": [{**STAGE, "column": "visits"}]}, "'visits' decides stages.0"),
        ({"group": {"columns": ["won"]}}, "group.columns: 'won' decides stages.1"),
        (
            {
                "fields": {
                    "numeric": [{"column": "a", "name": "x"}, {"column": "a", "name": "y"}]
                }
            },
            "the column 'a' is used more than once",
        ),
        (
            {
                "fields": {
                    "numeric": [{"column": "a", "name": "x"}, {"column": "b", "name": "x"}]
                }
            },
            "the name 'x' is given to more than one column",
        ),
        ({"fields": {"numeric": [{"column": "stage", "name": "s"}]}}, "lead table itself"),
        ({"soft_signals": [{"column": "weight"}]}, "soft_signals: 'weight' is a column of"),
        ({"stages": [STAGE, STAGE]}, "the name 'order' appears more than once"),
        ({"stages": [STAGE, {"name": "x", "always": True}]}, "stages.1: `always` is for"),
        (
            {"stages": [{**STAGE, "name": "a"}, STAGE]},
            "won = '1' is given more than once",
        ),
        ({"stages": [{"name": "order"}]}, "stages.0: expected exactly one rule"),
        ({"stages": [{**STAGE, "values": [""]}]}, "'' is also listed under `missing`"),
        ({"horizon_days": None}, "null is allowed only with `extract: final`"),
        ({"extract": "30.06.2024"}, "expected `final`, a date"),
        ({"split": {"kind": "group"}}, "split.by: the column to split by"),
        ({"snapshot": {"column": "at", "kind": "order"}}, "extract: needs a snapshot that is"),
        ({"source": {"tables": {"a": "a.csv", "b": "b.csv"}}}, "source.query: needed"),
        ({"fields": {}}, "there is no input"),
        (
            {"text": {"events": {"table": "cals", "lead_id": "l", "at": "a", "text": "t"}}},
            "'cals' is not in source.tables",
        ),
    ],
)
def test_a_problem_between_keys_is_named(make_crm, keys, said):
    with pytest.raises(UserError) as error:
        make_crm(**keys)
    assert said in str(error.value)


def test_values_are_read_as_written(make_crm, tmp_path):
    path = tmp_path / "crm.yaml"
    make_crm()
    text = path.read_text()
    start = text.index("stages:")
    end = text.index("fields:")
    stages = "stages: [{name: order, column: won, values: [No, 010, 1.0, true]}]\n"
    path.write_text(text[:start] + stages + text[end:])
    assert load_crm_file(path).stages[0].values == ("No", "010", "1.0", "true")


def test_a_repeated_key_is_an_error(make_crm, tmp_path):
    make_crm()
    path = tmp_path / "crm.yaml"
    path.write_text(path.read_text() + "name: again\n")
    with pytest.raises(UserError, match="key 'name' repeats"):
        load_crm_file(path)


def test_an_unconfirmed_draft_is_refused_in_one_sentence(make_crm):
    with pytest.raises(
        UserError, match="not confirmed: check every line marked GUESS"
    ) as error:
        make_crm(confirmed=False)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- a list", "a: [", ""])
def test_what_is_no_mapping_is_an_error_with_the_path(tmp_path, text):
    path = tmp_path / "crm.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"crm\.yaml"):
        load_crm_file(path)


def test_an_absent_file_is_an_error_with_the_path(tmp_path):
    with pytest.raises(UserError, match=r"absent\.yaml: cannot read"):
        load_crm_file(tmp_path / "absent.yaml")


def test_dumping_and_loading_gives_an_equal_crm(make_crm, tmp_path):
    crm = make_crm(
        missing=["", "Wählen", "null"],
        lost={"column": "state", "values": ["no", "010"]},
        text={"columns": [{"column": "note", "name": "note", "at": "note_at"}]},
        group={"columns": ["store"], "day": True},
        max_unusable=0.05,
    )
    dump_crm_file(crm, tmp_path / "copy.yaml")
    assert load_crm_file(tmp_path / "copy.yaml") == crm
    assert "path" not in yaml.safe_load((tmp_path / "copy.yaml").read_text())


def test_the_funnel_knows_names_lost_and_horizon(make_crm):
    crm = make_crm(lost={"reached_at": "lost_at"})
    timed = Funnel(("lead", "order"), True, 30, order_is_timed=True)
    assert crm.funnel == timed


def test_an_extract_date_is_its_first_moment_in_the_crm_zone(make_crm):
    # Midnight in Shanghai (UTC+8) is 16:00 UTC of the day before.
    crm = make_crm(timezone="Asia/Shanghai", extract="2024-06-30")
    assert str(crm.extract_at) == "2024-06-29 16:00:00+00:00"


def test_the_example_in_the_documentation_is_valid(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "data.md"
    path = tmp_path / "crm.yaml"
    path.write_text(page.read_text().split("```yaml\n")[1].split("```")[0])
    assert load_crm_file(path).stage_names == ("lead", "talked", "test drive", "order")
