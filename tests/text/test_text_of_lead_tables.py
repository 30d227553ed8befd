"""The text floor on tables that the funnel read, small ones and real ones."""

import os
from pathlib import Path

import pytest
from byte_leads import byte_tokenizer

from leadrank.funnel import LeadTable, load_crm_file, read_lead_table
from leadrank.text import PromptTemplate, TokenStore, load_template, save_template, tokenise

CRM_FILE = """
name: shop
source: {tables: {leads: leads.csv, calls: calls.csv}, query: select * from leads}
timezone: UTC
lead_id: id
snapshot: {column: day, kind: time}
horizon_days: 30
extract: 2024-12-31
stages: [{name: contact, always: true}, {name: order, reached_at: ordered}]
fields:
  numeric: [{column: visits, name: visits to the shop, unit: visits}, {column: age, name: age}]
  categorical: [{column: origin, name: where from}]
text: {events: {table: calls, lead_id: id, at: at, author: author, text: text}}
split: {kind: time}
"""
LEADS = "id,day,ordered,visits,age,origin\n" + "".join(
    f"{i},2024-0{1 + i // 25}-{1 + i % 25:02},{'2024-05-01' if i % 3 else ''},{i * 1000},"
    f"{30 if i % 2 else ''},fair\n"
    for i in range(100)
)
CALLS = """id,at,author,text
50,2024-02-28 10:00,Ann,wants a test drive
50,2024-02-27 10:00,Bob,asked for the price
50,2024-06-01 10:00,Ann,has ordered
"""


def _read(folder: Path, labelled: bool = True) -> LeadTable:
    (folder / "shop.yaml").write_text(CRM_FILE)
    (folder / "leads.csv").write_text(LEADS)
    (folder / "calls.csv").write_text(CALLS)
    return read_lead_table(load_crm_file(folder / "shop.yaml"), folder, labelled)


def _prompt(store: TokenStore, row: int) -> str:
    return byte_tokenizer().decode(store[row])


def test_a_lead_of_a_table_is_written_out_as_known_at_its_snapshot(tmp_path):
    template = PromptTemplate(fields="all", max_tokens=300)
    store = tokenise(_read(tmp_path), template, byte_tokenizer(), None)
    assert _prompt(store, 50) == (
        "visits to the shop: 50000 visits\nwhere from: fair\n"
        "Ann 1 day ago: wants a test drive\nBob 2 days ago: asked for the price\n"
    )


def test_new_rows_lose_the_same_fields_under_the_saved_template(tmp_path):
    template = PromptTemplate(fields="all", max_tokens=60)
    trained = tokenise(_read(tmp_path), template, byte_tokenizer(), tmp_path / "cache")
    save_template(trained.template, tmp_path)
    scored = tokenise(
        _read(tmp_path, labelled=False), load_template(tmp_path), byte_tokenizer(), None
    )
    assert trained.cuts.fields_dropped > 0
    assert trained.template.cut_first == ("age", "origin", "visits")
    assert [_prompt(scored, i) for i in range(100)] == [_prompt(trained, i) for i in range(100)]


@pytest.mark.parametrize("name", ["raop", "x_education", "olist", "nev_crm"])
def test_every_row_of_a_real_table_has_a_prompt_within_the_budget(name):
    root, folder = os.environ.get("LEADRANK_DATA"), name.replace("nev_crm", "hpro")
    if not root or not (Path(root) / folder).is_dir():
        pytest.skip(f"needs the data set {name} under LEADRANK_DATA (docs/data.md)")
    crm = load_crm_file(Path(__file__).parents[2] / "experiments" / "data" / f"{name}.yaml")
    table = read_lead_table(crm, root)
    order = tuple(f.column for f in (*crm.fields.numeric, *crm.fields.categorical))
    template = PromptTemplate("Lead\n", "Order?", "all", max_tokens=256, cut_first=order)
    store = tokenise(table, template, byte_tokenizer(), None)
    assert len(store) == table.rows.height
    assert store.lengths.min() > 11
    assert store.lengths.max() <= 256
