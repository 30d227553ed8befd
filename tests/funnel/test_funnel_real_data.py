import os
from pathlib import Path

import pytest

from leadrank.funnel import LeadTable, load_crm_file, read_lead_table

FILES = Path(__file__).parents[2] / "experiments" / "data"


def table(name: str, labelled: bool = True) -> LeadTable:
    root, folder = os.environ.get("LEADRANK_DATA"), name.replace("nev_crm", "hpro")
    if not root or not (Path(root) / folder).is_dir():
        pytest.skip(f"needs the data set {name} under LEADRANK_DATA (docs/data.md)")
    return read_lead_table(load_crm_file(FILES / f"{name}.yaml"), root, labelled)


@pytest.mark.parametrize("name", ["raop", "x_education", "olist", "nev_crm"])
def test_the_crm_file_is_valid(name):
    assert load_crm_file(FILES / f"{name}.yaml").name == name


def test_raop_has_the_published_split():
    raop = table("raop")
    test = raop.part("test")
    assert (raop.rows.height, test.height, test["label"].sum()) == (4040, 1212, 247)
    assert raop.rows["label"].mean() == pytest.approx(0.246, abs=0.0005)


def test_x_education_has_its_leads_and_unknown_stages():
    leads = table("x_education")
    assert (leads.rows.height, leads.rows["label"].sum()) == (9240, 3561)
    assert leads.part("test").height == 2772
    tagged_or_converted = leads.rows["stage"].is_not_null().mean()
    assert tagged_or_converted == pytest.approx(1 - 2539 / 9240)


def test_olist_counts_winners_within_30_days():
    olist = table("olist")
    # counted with one SQL statement over the three files
    assert olist.rows.height == 5998
    assert (olist.rows["stage"] >= 1).sum() == 543
    assert olist.rows["label"].sum() == 292
    assert olist.part("validation").height > 0


@pytest.mark.parametrize("labelled", [True, False])
def test_the_one_published_row_of_hpro_reads(labelled):
    row = table("nev_crm", labelled).rows.row(0, named=True)
    assert row["lead_id"] == "9837261982736482392"
    assert [note["name"] for note in row["text"]] == ["call summary", "call", "call", "call"]
    assert row["label"] == (0 if labelled else None)
