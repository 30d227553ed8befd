"""Processes that share the frozen pass: the numbers of one process, and no endless waiting."""

import frozen_together
import numpy as np
import pytest
from frozen_together import COUNT, leads
from tiny_leads import tiny
from torch import multiprocessing

from leadrank.model.frozen import compute_frozen
from leadrank.model.team import Team

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def together(tiny_base, tmp_path_factory):
    """The folder where two processes ran all scenarios."""
    folder = tmp_path_factory.mktemp("together")
    multiprocessing.spawn(frozen_together.run, (str(tiny_base), str(folder)), nprocs=COUNT)
    return folder


@pytest.fixture(scope="module")
def alone(tiny_base, tmp_path_factory):
    """What one process makes of the same prompts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADRANK_CACHE", str(tmp_path_factory.mktemp("alone")))
        rows = leads()
        return compute_frozen(tiny(tiny_base), rows, np.arange(len(rows)), max_tokens=20)


def found(folder, turn):
    return [np.load(folder / f"{turn} {rank}.npz") for rank in range(COUNT)]


@pytest.mark.parametrize("machines", ["one machine", "two machines"])
@pytest.mark.parametrize("turn", ["computed", "read"])
def test_two_processes_give_what_one_gives(together, alone, machines, turn):
    for rank in found(together / machines, turn):
        np.testing.assert_allclose(rank["features"], alone.features, atol=1e-6)
        np.testing.assert_allclose(rank["states"], alone.states, atol=1e-6)


def test_on_one_machine_each_prompt_is_read_by_one_of_the_two(together):
    first, second = (
        rank["own"].tolist() for rank in found(together / "one machine", "computed")
    )
    assert first
    assert second
    assert sorted(first + second) == list(range(len(leads())))


def test_each_machine_reads_every_prompt(together):
    for rank in found(together / "two machines", "computed"):
        assert sorted(rank["own"]) == list(range(len(leads())))


@pytest.mark.parametrize("machines", ["one machine", "two machines"])
def test_the_second_time_no_prompt_is_read(together, machines):
    assert [len(rank["own"]) for rank in found(together / machines, "read")] == [0, 0]


def test_nothing_is_left_but_the_two_files(together):
    files = list((together / "one machine" / "cache").rglob("*.npy"))
    assert sorted(file.parent.name for file in files) == ["features", "states"]


@pytest.mark.parametrize("failing", range(COUNT))
def test_one_that_fails_ends_them_all(together, failing):
    folder = together / f"rank {failing} fails"
    said = [(folder / f"ended {rank}").read_text() for rank in range(COUNT)]
    assert said[failing] == "OSError: disk is gone"
    assert said[1 - failing].startswith(f"RuntimeError: rank [{failing}] failed")
    assert not list(folder.rglob("*.npy"))


def test_without_a_process_group_it_is_alone():
    team = Team(together=True)
    assert (team.number, team.count) == (0, 1)
    assert team.lead(lambda: 7) == 7
