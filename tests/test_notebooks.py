"""The notebooks run as they are, and carry no outputs in git."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_the_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == ["01_funnel_pairs", "02_margins"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_no_counts(path):
    code = [cell for cell in _read(path).cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_needs_nothing_private(path):
    """It imports leadrank's public modules, and no name that begins with an underscore."""
    for cell in _read(path).cells:
        for line in cell.source.splitlines():
            if line.lstrip().startswith(("from leadrank", "import leadrank")):
                assert " _" not in line
                assert "._" not in line


@pytest.mark.slow
# The kernel's own sockets and loops, not ours.
@pytest.mark.filterwarnings("default::DeprecationWarning:zmq", "default::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, embedded_base):
    notebook = _read(path)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == {"01_funnel_pairs": 2, "02_margins": 1}[path.stem]
    assert not [out for out in outputs if out.output_type == "error"]
