"""A small CRM on disk: rows as CSV text, keys of the CRM file as overrides of a base."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leadrank.funnel import CrmFile, LeadTable, load_crm_file, read_lead_table

BASE: dict[str, Any] = {
    "name": "small",
    "source": {"tables": {"leads": "leads.csv"}, "get": "Ask the sales team."},
    "timezone": "UTC",
    "lead_id": "id",
    "snapshot": {"column": "at", "kind": "time"},
    "horizon_days": 30,
    "extract": "2024-06-30",
    "stages": [{"name": "lead", "always": True}, {"name": "order", "reached_at": "won"}],
    "fields": {"numeric": [{"column": "visits", "name": "visits"}]},
    "split": {"kind": "time"},
    "max_unusable": 1,
}


@pytest.fixture
def make_crm(tmp_path: Path) -> Callable[..., CrmFile]:
    def make(**keys: Any) -> CrmFile:
        content = {key: value for key, value in {**BASE, **keys}.items() if value != "DROP"}
        path = tmp_path / "crm.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return load_crm_file(path)

    return make


@pytest.fixture
def read(tmp_path: Path, make_crm: Callable[..., CrmFile]) -> Callable[..., LeadTable]:
    def read_csv(csv: str, labelled: bool = True, **keys: Any) -> LeadTable:
        (tmp_path / "leads.csv").write_text(csv, encoding="utf-8")
        return read_lead_table(make_crm(**keys), tmp_path, labelled)

    return read_csv
