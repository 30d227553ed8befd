"""Results that lie in benchmarks/compare: of today's format, small, and of no customer."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from leadrank.compare.engine import MOST_BYTES
from leadrank.compare.results import KEPT, TABLES, read_result

ROOT = Path(__file__).parents[2]
RESULTS = sorted(
    file
    for file in (ROOT / "benchmarks" / "compare").rglob("*.parquet")
    if "-smoke" not in str(file)
)


@pytest.mark.skipif(not RESULTS, reason="no results are committed in benchmarks/compare")
def test_each_committed_result_is_read_and_holds_numbers_alone():
    for file in RESULTS:
        table = pl.read_parquet(file)
        assert dict(table.schema) == KEPT, file
        assert file.stat().st_size <= MOST_BYTES, file
        result = read_result(file.parent, file.stem)
        assert result is not None, f"{file}: no record beside it"
        assert {"title", "terms", "settings", "git", "data_fingerprint"} <= set(result.record)
        assert table["seed"].unique().sort().to_list() == sorted(result.seeds), file


@pytest.mark.skipif(not RESULTS, reason="no results are committed in benchmarks/compare")
def test_no_committed_record_or_page_names_a_folder_of_a_machine():
    for folder in {file.parent for file in RESULTS}:
        for file in [*folder.glob("*.json"), *folder.glob("*.md")]:
            text = file.read_text("utf-8")
            assert not re.search(r"""["' ]/\w+/""", text), file  # a path of some machine


def test_git_takes_results_and_leaves_smoke_runs():
    """As .gitignore says, line by line: nothing but *-smoke/ of benchmarks is left out."""
    lines = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    about = [line for line in lines if "benchmarks" in line or line.startswith("*.")]
    assert about == ["*.egg-info/", "benchmarks/compare/*-smoke/"]


def test_a_page_of_results_is_of_crm_files_that_there_are():
    known = {
        yaml.safe_load(file.read_text("utf-8"))["name"]
        for file in (ROOT / "experiments" / "data").glob("*.yaml")
    }
    for page in (ROOT / "benchmarks" / "compare").glob("*/comparison.json"):
        assert page.stem in TABLES
        assert json.loads(page.read_text("utf-8"))["data"] in known
