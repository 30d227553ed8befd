"""Two ranks that see different numbers of rows train on the mean over all rows."""

from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from leadrank.model.ranker import over_ranks
from leadrank.preference import Reduced

LOSSES = [[1.0, 2.0, 3.0], [10.0]]  # one list a rank; the mean over all rows is 16 / 4


def mean_on(rank: int, folder: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=len(LOSSES)
    )
    own = torch.tensor(LOSSES[rank])
    mean = over_ranks(Reduced(own.sum(), torch.tensor(float(len(own))))).mean()
    torch.save(mean, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_the_average_of_the_ranks_is_the_mean_over_all_rows(tmp_path: Path) -> None:
    multiprocessing.spawn(mean_on, (str(tmp_path),), nprocs=len(LOSSES))
    means = [torch.load(tmp_path / f"{rank}.pt") for rank in range(len(LOSSES))]
    assert float(sum(means)) / 2 == (1 + 2 + 3 + 10) / 4  # and not (6 / 3 + 10) / 2


def test_one_process_changes_nothing() -> None:
    loss = Reduced(torch.tensor(6.0), torch.tensor(3.0))
    assert over_ranks(loss) is loss
