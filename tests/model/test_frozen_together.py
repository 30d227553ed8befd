"""Processes that share the frozen pass: the numbers of one process, and no endless waiting."""

import frozen_together
import numpy as np
import pytest
import torch
from frozen_together import COUNT, leads
from tiny_leads import tiny
from torch import multiprocessing

from leadrank.model.frozen import compute_frozen
from leadrank.model.team import Team

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADRANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def alone(tiny_base):
    rows = leads()
    return compute_frozen(tiny(tiny_base), rows, np.arange(len(rows)), max_tokens=20)


def spawned(function, tiny_base, folder, *arguments):
    folder.mkdir()
    multiprocessing.spawn(function, (str(tiny_base), str(folder), *arguments), nprocs=COUNT)
    return folder


@pytest.mark.parametrize("machines", [1, 2])
def test_two_processes_give_what_one_gives(tiny_base, tmp_path, monkeypatch, machines):
    folder = spawned(frozen_together.share, tiny_base, tmp_path / "ranks", machines)
    monkeypatch.setenv("LEADRANK_CACHE", str(tmp_path / "one process"))
    expected = alone(tiny_base)
    own = []
    for rank in range(COUNT):
        for turn in ("computed", "read"):
            found = torch.load(folder / f"{turn} {rank}.pt", weights_only=False)
            np.testing.assert_allclose(found["features"], expected.features, atol=1e-6)
            np.testing.assert_allclose(found["states"], expected.states, atol=1e-6)
            own.append(found["own"])
    first, first_again, second, second_again = own
    assert not first_again + second_again
    everything = list(range(len(leads())))
    if machines == 1:
        # Each prompt is read by one of the two.
        assert first
        assert second
        assert sorted(first + second) == everything
    else:
        assert sorted(first) == sorted(second) == everything


def test_processes_leave_nothing_but_the_two_files(tiny_base, tmp_path, own_cache_folder):
    spawned(frozen_together.share, tiny_base, tmp_path / "ranks", 1)
    files = [file.relative_to(own_cache_folder) for file in own_cache_folder.rglob("*.npy")]
    assert sorted(file.parent.name for file in files) == ["features", "states"]


@pytest.mark.parametrize("failing", range(COUNT))
def test_one_that_fails_ends_them_all(tiny_base, tmp_path, own_cache_folder, failing):
    folder = spawned(frozen_together.one_fails, tiny_base, tmp_path / "ranks", failing)
    said = [(folder / f"ended {rank}").read_text() for rank in range(COUNT)]
    assert said[failing] == "OSError: disk is gone"
    assert said[1 - failing].startswith(f"RuntimeError: rank [{failing}] failed")
    assert not list(own_cache_folder.rglob("*.npy"))


def test_without_a_process_group_it_is_alone():
    team = Team(together=True)
    assert (team.number, team.count) == (0, 1)
    assert team.lead(lambda: 7) == 7
