"""The guard on tables whose leaks are known: a world's planted traps, and public sets.

The CRM file forgets what it forbids and declares it as a field. (Columns that decide a stage
cannot be inputs at all: loading the file refuses that.)
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from leadrank.errors import UserError
from leadrank.funnel import load_crm_file, read_lead_table
from leadrank.funnel.leaks import find_leaks
from leadrank.world.export import make_world
from leadrank.world.settings import WorldSettings

CRMS = Path(__file__).parents[2] / "experiments/data"
NUMBERS = {
    "dealership": ["lock_label", "delivery_slot", "call_minutes"],
    "x_education": ["Asymmetrique Activity Score", "Asymmetrique Profile Score"],
    "raop": [],  # all that end in at_retrieval
    "olist": ["declared_product_catalog_size", "declared_monthly_revenue"],
}
#: Notes of all days in one column without times, as an export may have them.
JOINED_NOTES = """\
select leads.*, specialist_id as rep, notes.notes
from leads left join (
  select customer_account_id, string_agg(text, ' / ' order by "at") as notes
  from calls group by customer_account_id
) notes using (customer_account_id)
order by ppl_dt, leads.customer_account_id
"""


def forgetful(file: Path, tmp_path: Path, **keys: Any) -> tuple[Path, list[str]]:
    """A copy of a CRM file that has as fields what it forbade, and these columns."""
    content = yaml.load(file.read_text("utf-8"), yaml.BaseLoader)
    rules = [*content["stages"], content.get("lost", {})]
    decide = {rule.get("reached_at", rule.get("column")) for rule in rules}
    forgot = [column for column in content["forbidden"] if column not in decide]
    numbers = [c for c in forgot if c in NUMBERS[content["name"]] or "at_retrieval" in c]
    for kind in ("numeric", "categorical"):
        of_kind = [c for c in forgot if (c in numbers) == (kind == "numeric")]
        fields = content["fields"].get(kind, [])
        content["fields"][kind] = fields + [{"column": c, "name": c} for c in of_kind]
    content |= {"forbidden": sorted(decide & set(content["forbidden"])), **keys}
    (tmp_path / "forgetful.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return tmp_path / "forgetful.yaml", forgot


def found(crm: Path, root: str | Path) -> dict[str, set[str]]:
    """{column: kinds of what the guard says of it}."""
    kinds: dict[str, set[str]] = {}
    for leak in find_leaks(read_lead_table(load_crm_file(crm), root), root):
        kinds.setdefault(leak.column, set()).add(leak.kind)
    return kinds


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dealership of 120 days, in which some rows are mature."""
    out = tmp_path_factory.mktemp("leaky") / "world"
    make_world(WorldSettings(leads=4000, days=120), 0, out, progress=False)
    return out


@pytest.mark.slow
def test_every_planted_trap_of_the_world_is_found_and_no_clean_field(world, tmp_path):
    crm, forgot = forgetful(
        world / "crm.yaml", tmp_path, lead_id="ticket_id",
        source={"tables": {"leads": "leads.parquet", "calls": "calls.parquet"},
                "query": JOINED_NOTES},
        text={"columns": [{"column": "notes", "name": "notes"}]},
    )  # fmt: skip
    traps = json.loads((world / "truth/traps.json").read_text("utf-8"))
    refused = {"order_at", "test_drive_at", "defeat_at"}
    assert set(forgot) == set(traps["later_fields"]) - refused
    # Two tickets of a customer and rows twice are both about the lead id.
    assert found(crm, world) == {
        "ticket_id": {"lead", "rows twice"},
        "notes": {"text"},
        "call_minutes": {"soft signal"},
        "min_lock_time": {"time"},
        **{c: {"presence"} for c in ("lock_label", "delivery_slot", "closing_reason")},
    }
    assert found(world / "crm.yaml", world) == {}


def test_what_decides_a_stage_is_refused_before_the_guard_looks(tmp_path):
    content = yaml.safe_load((CRMS / "olist.yaml").read_text("utf-8"))
    content["fields"]["categorical"].append({"column": "won_date", "name": "won"})
    (tmp_path / "crm.yaml").write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(UserError, match="known only later"):
        load_crm_file(tmp_path / "crm.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x_education", "raop", "olist"])
def test_the_known_leaks_of_a_public_set_are_found_and_no_clean_field(name, tmp_path):
    root = os.environ.get("LEADRANK_DATA")
    if root is None or not (Path(root) / name).is_dir():
        pytest.skip("needs a public data set; set LEADRANK_DATA (docs/data.md)")
    crm, forgot = forgetful(CRMS / f"{name}.yaml", tmp_path)
    assert set(found(crm, root)) == set(forgot)
    assert found(CRMS / f"{name}.yaml", root) == {}
