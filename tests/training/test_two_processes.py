"""A validation of the whole model on two processes against the same on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import validation_run

SOURCE = Path(__file__).parent.parent.parent / "src"


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_base")
def test_two_processes_measure_what_one_does(small_crm, tmp_path):
    expected, alone = validation_run.measure(small_crm.crm, small_crm.root, devices=1)
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, validation_run.__file__, small_crm.crm, small_crm.root, tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    both = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert [rank["world_size"] for _, rank in both] == [2, 2]
    assert sum(rank["batches"] for _, rank in both) == alone["batches"]
    names = {name for name in expected if name.startswith("val/")}
    assert {"val/auc", "val/average_precision", "val/brier"} <= names
    for found, _ in both:
        for name in names:
            assert found[name] == pytest.approx(expected[name], abs=1e-5), name
