"""The bound of the kept states, and what killed runs leave behind."""

import os
import platform
import subprocess
import sys
import time

import numpy as np
import pytest

from leadrank.model.kept_arrays import Wanted, make_room, remove_leftovers, write_arrays
from leadrank.model.team import Team

KILLED_RUN = """
import os, pathlib, signal
from leadrank.model.kept_arrays import Wanted, write_arrays
from leadrank.model.team import Team
def power_cut(arrays):
    arrays[0][:] = 1
    os.kill(os.getpid(), signal.SIGKILL)
write_arrays({pathlib.Path("kept.npy"): Wanted(100, 10)}, power_cut, Team())
"""


def bytes_file(folder, name, size=100, age=0.0):
    (folder / name).write_bytes(bytes(size))
    at = time.time() - age
    os.utime(folder / name, (at, at))


def names(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_least_recently_used_states_go_first(tmp_path):
    for age, name in enumerate(("new", "old", "oldest")):
        bytes_file(tmp_path, f"{name}.npy", age=age)
    # 300 + 100 bytes against a bound of 250: two files have to go.
    assert make_room(tmp_path, 100, 250)
    assert names(tmp_path) == ["new.npy"]


def test_what_a_dead_process_left_goes_and_makes_room(tmp_path, dead):
    bytes_file(tmp_path, f".a-{dead}@{platform.node()}.npy")
    bytes_file(tmp_path, "b.npy")
    assert make_room(tmp_path, 100, 250)  # 100 + 100 fit once the leftover is gone
    assert names(tmp_path) == ["b.npy"]


def test_what_a_living_process_writes_stays_and_counts(tmp_path):
    own = f".a-{os.getpid()}@{platform.node()}.npy"
    bytes_file(tmp_path, own, age=10)
    bytes_file(tmp_path, "b.npy")
    assert make_room(tmp_path, 100, 250)  # 100 + 100 + 100 do not fit: b goes
    assert names(tmp_path) == [own]


def test_where_the_process_cannot_be_asked_the_age_decides(tmp_path, dead):
    day = 24 * 3600
    for name, age in {
        f".young-{dead}@elsewhere.npy": 0.9 * day,
        f".old-{dead}@elsewhere.npy": 1.1 * day,
        ".of another program.npy": 1.1 * day,
        "kept.npy": 9 * day,
    }.items():
        bytes_file(tmp_path, name, age=age)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [f".young-{dead}@elsewhere.npy", "kept.npy"]


def test_a_killed_run_leaves_its_array_and_the_next_write_removes_it(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED_RUN], cwd=tmp_path)
    assert killed.returncode == -9
    (left,) = names(tmp_path)
    assert left.startswith(".kept-")
    assert (tmp_path / left).stat().st_size > 4000

    def fill(arrays):
        assert left not in names(tmp_path)
        arrays[0][:] = 2

    write_arrays({tmp_path / "kept.npy": Wanted(3, 2)}, fill, Team())
    assert names(tmp_path) == ["kept.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "kept.npy"), np.full((3, 2), 2.0))
