"""What each of two processes does in tests/model/test_frozen_together.py."""

import platform
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_leads import Leads, prompts, tiny

from leadrank.model import frozen
from leadrank.model.frozen import compute_frozen
from leadrank.model.team import Team

COUNT = 2
#: Folder of what each scenario left, and its function's arguments.
SCENARIOS = {"one machine": 1, "two machines": 2, "rank 0 fails": 0, "rank 1 fails": 1}


def leads():
    return Leads(prompts((5, 17, 9, 12, 30, 8, 21, 3)))


def run(rank: int, base: str, folder: str) -> None:
    """All scenarios in turn: starting two processes takes longer than all of them."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=COUNT
    )
    for name, number in SCENARIOS.items():
        out = Path(folder) / name
        out.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEADRANK_CACHE", str(out / "cache"))
            scenario = one_fails if "fails" in name else share
            scenario(rank, base, out, number, patch)
    torch.distributed.destroy_process_group()


def compute(base):
    rows = leads()
    return compute_frozen(tiny(base), rows, np.arange(len(rows)), max_tokens=20, together=True)


def share(rank: int, base: str, out: Path, machines: int, patch: pytest.MonkeyPatch) -> None:
    """Twice the pass; saves what came, and which prompts were this rank's."""
    if machines > 1:
        # A machine's name is all that tells it from another; each has a disk of its own.
        patch.setattr(platform, "node", lambda: f"machine {rank}")
        patch.setenv("LEADRANK_CACHE", str(out / f"disk {rank}"))
    own: list[int] = []
    batches_of = frozen.scoring_batches

    def noted(*arguments, **more):
        batches = batches_of(*arguments, **more)
        own.extend(int(i) for batch in batches for i in batch)
        return batches

    patch.setattr(frozen, "scoring_batches", noted)
    for turn in ("computed", "read"):
        own.clear()
        found = compute(base)
        arrays = {"features": found.features, "states": np.array(found.states)}
        np.savez(out / f"{turn} {rank}.npz", own=np.array(own, int), **arrays)


def one_fails(rank: int, base: str, out: Path, failing: int, patch: pytest.MonkeyPatch) -> None:
    """The pass where one process's disk breaks; notes how each of them ended."""

    def breaks(*_, **__):
        raise OSError("disk is gone")

    if rank == failing:
        patch.setattr(frozen, "_fill", breaks)
    try:
        compute(base)
    except (OSError, RuntimeError) as error:
        (out / f"ended {rank}").write_text(f"{type(error).__name__}: {error}")
    assert Team(together=True).count == COUNT  # nobody is a step behind
