"""What each of two processes does in tests/model/test_frozen_together.py."""

from pathlib import Path

import numpy as np
import torch
from tiny_leads import Leads, prompts, tiny

from leadrank.model import frozen
from leadrank.model.frozen import compute_frozen
from leadrank.model.team import Team

COUNT = 2


def leads():
    return Leads(prompts((5, 17, 9, 12, 30, 8, 21, 3)))


def join(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=COUNT
    )


def share(rank: int, base: str, folder: str, machines: int) -> None:
    """The pass on one machine or two; saves what came, and which prompts were this rank's."""
    join(rank, folder)
    if machines > 1:
        frozen.cache_folder = lambda: Path(folder) / f"disk {rank}"
        # A machine's name is all that tells it from another.
        import platform

        platform.node = lambda: f"machine {rank}"
    own: list[int] = []
    fill = frozen.scoring_batches

    def noted(*arguments, **more):
        batches = fill(*arguments, **more)
        own.extend(int(i) for batch in batches for i in batch)
        return batches

    frozen.scoring_batches = noted
    rows = leads()
    for turn in ("computed", "read"):
        own.clear()
        found = compute_frozen(
            tiny(base), rows, np.arange(len(rows)), max_tokens=20, together=True
        )
        torch.save(
            {"features": found.features, "states": np.array(found.states), "own": list(own)},
            Path(folder) / f"{turn} {rank}.pt",
        )
    torch.distributed.destroy_process_group()


def one_fails(rank: int, base: str, folder: str, failing: int) -> None:
    """The same where one process fails; notes how each of them ended."""
    join(rank, folder)

    def breaks(*_, **__):
        raise OSError("disk is gone")

    if rank == failing:
        frozen._fill = breaks
    rows = leads()
    try:
        compute_frozen(tiny(base), rows, np.arange(len(rows)), max_tokens=20, together=True)
    except (OSError, RuntimeError) as error:
        (Path(folder) / f"ended {rank}").write_text(f"{type(error).__name__}: {error}")
    assert Team(together=True).count == COUNT  # nobody is a step behind
    torch.distributed.destroy_process_group()
