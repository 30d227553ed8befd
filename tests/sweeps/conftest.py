"""A sweep of a program that takes a moment, in a folder of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
COMMAND = [
    "${interpreter}", "${program}", "--config=experiments/plain.yaml",
    "--data.crm=experiments/data/${envvar:DATA}.yaml", "${args}",
]  # fmt: skip


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment, its base, a CRM file `shop` and the program."""
    (tmp_path / "experiments/data").mkdir(parents=True)
    (tmp_path / "experiments/base.yaml").write_text("patience: 3\n")
    (tmp_path / "experiments/plain.yaml").write_text("patience: 4\nmodel: {loss: {a: 1}}\n")
    (tmp_path / "experiments/data/shop.yaml").write_text("name: shop\n")
    shutil.copy(HERE / "fake_fit.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sweep_file(workshop: Path) -> Callable[..., Path]:
    """Writes a sweep file over `parameters`, other keys as given."""

    def write(parameters: dict[str, Any], **keys: Any) -> Path:
        content = {
            "description": "Is it any good?",
            "program": str(workshop / "fake_fit.py"),
            "command": COMMAND,
            "method": "grid",
            "metric": {"name": "val/average_precision", "goal": "maximize"},
            "parameters": parameters,
            **keys,
        }
        path = workshop / "tried.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write
