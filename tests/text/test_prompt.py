import polars as pl
import pytest
from byte_leads import lead_table, note, prompts_of, tokens_of

from leadrank.errors import UserError
from leadrank.text import PromptTemplate, fit_template, load_template, save_template

FIELDS = {"numeric": {"visits:visits": [3.0, None]}, "categorical": {"origin": ["web", "fair"]}}


def test_fields_are_short_lines_with_name_value_and_unit():
    assert prompts_of(lead_table(**FIELDS))[0] == "visits: 3 visits\norigin: web\n"


def test_a_missing_value_is_left_out_and_counted():
    store = tokens_of(lead_table(**FIELDS))
    assert prompts_of(lead_table(**FIELDS))[1] == "origin: fair\n"
    assert store.cuts.missing_values == 1
    assert store.cuts.rows_cut == 0


def test_blank_and_infinite_values_are_missing():
    table = lead_table(numeric={"x": [float("inf"), 1.0]}, categorical={"c": ["  ", "a"]})
    assert prompts_of(table) == ["no information\n", "x: 1\nc: a\n"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.678, "12350"), (0.1 + 0.2, "0.3"), (3.0, "3"), (1 / 3, "0.3333"), (-2.5, "-2.5")],
)
def test_numbers_have_at_most_four_significant_digits(value: float, text: str):
    assert prompts_of(lead_table(numeric={"x": [value]})) == [f"x: {text}\n"]


def test_text_comes_after_the_fields_newest_first_with_its_age_in_days():
    texts = [[note("two", "call", 1.2), note("one", "call", 3.9), note("z", "title")]]
    table = lead_table(texts, numeric={"x": [1.0]})
    expected = "x: 1\ncall 1 day ago: two\ncall 3 days ago: one\ntitle: z\n"
    assert prompts_of(table, fields="all") == [expected]


def test_without_a_time_snapshot_text_has_no_age():
    table = lead_table([[note("hello", "call", 2)]], snapshot=17)
    assert prompts_of(table) == ["call: hello\n"]


def test_auto_writes_fields_only_where_the_crm_file_has_no_text():
    with_text = lead_table([[note("hi")]], numeric={"x": [1.0]})
    assert prompts_of(with_text, fields="auto") == ["note: hi\n"]
    assert prompts_of(lead_table(numeric={"x": [1.0]}), fields="auto") == ["x: 1\n"]


def test_prefix_and_suffix_stand_around_the_lead():
    table = lead_table([[note("hi")]])
    assert prompts_of(table, prefix="Lead:\n", suffix="Order?") == ["Lead:\nnote: hi\nOrder?"]


def test_a_lead_without_anything_says_so():
    assert prompts_of(lead_table([[], [note(" \n")]])) == ["no information\n"] * 2


def test_the_field_most_often_missing_in_training_is_cut_first():
    numeric = {"full": [1.0, 1.0, 1.0], "half": [1.0, None, None], "also_full": [1.0, 1.0, 1.0]}
    table = lead_table(numeric=numeric, part=["train", "train", "test"])
    fitted = fit_template(PromptTemplate(), table)
    assert fitted.cut_first == ("half", "also_full", "full")


def test_test_rows_do_not_decide_what_is_cut():
    numeric = {"a": [1.0, None, None], "b": [None, 1.0, 1.0]}
    table = lead_table(numeric=numeric, part=["train", "test", None])
    assert fit_template(PromptTemplate(), table).cut_first == ("b", "a")


def test_a_fitted_template_keeps_its_order_on_new_rows():
    fitted = PromptTemplate(fields="all", cut_first=("a", "b"))
    new = lead_table(numeric={"a": [1.0], "b": [None]}, part=["test"])
    assert fit_template(fitted, new) is fitted


def test_an_unfitted_template_needs_training_rows():
    with pytest.raises(UserError, match="no training rows"):
        fit_template(PromptTemplate(), lead_table(numeric={"a": [1.0]}, part=["test"]))


def test_a_saved_template_loads_equal(tmp_path):
    template = PromptTemplate("<|im_start|>user\n", "Ä?\n", "all", 96, 0.25, ("b", "a"))
    path = save_template(template, tmp_path)
    assert path.name == "prompt.yaml"
    assert load_template(tmp_path) == template


def test_an_unknown_key_names_the_nearest(tmp_path):
    (tmp_path / "prompt.yaml").write_text("max_token: 3\n")
    with pytest.raises(UserError, match=r"unknown key 'max_token'; did you mean 'max_tokens'"):
        load_template(tmp_path)


def test_an_absent_template_says_where(tmp_path):
    with pytest.raises(UserError, match="no prompt template here"):
        load_template(tmp_path)


def test_all_problems_of_a_template_come_at_once():
    with pytest.raises(UserError) as error:
        PromptTemplate(fields="some", max_tokens=0, text_share=2)  # type: ignore[arg-type]
    assert len(str(error.value).splitlines()) == 3


def test_fields_of_another_crm_file_are_an_error():
    table = lead_table(numeric={"a": [1.0]})
    with pytest.raises(UserError, match="made for the fields"):
        tokens_of(table, fields="all", cut_first=("b",))


def test_integers_and_booleans_are_written_out():
    table = lead_table(numeric={"n": pl.Series([7])}, categorical={"b": pl.Series([True])})
    assert prompts_of(table) == ["n: 7\nb: true\n"]
