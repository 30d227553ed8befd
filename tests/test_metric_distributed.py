"""The validation metric on several processes against the same rows in one."""

import json
import warnings

import pytest
import torch
from torch import distributed, multiprocessing

from leadrank.training.metric import RankingMetric

ROWS = 300


def table():
    g = torch.Generator().manual_seed(0)
    stage = torch.randint(0, 4, (ROWS,), generator=g)
    return {
        "row_id": torch.randperm(ROWS, generator=g) * 7,
        "score": (torch.randn(ROWS, generator=g) * 8).round() / 8 + stage / 4,
        "label": (stage == 3).float(),
        "weight": torch.rand(ROWS, generator=g),
        "stage": stage,
        "stage_known": torch.rand(ROWS, generator=g) < 0.8,
        "group": torch.randint(0, 12, (ROWS,), generator=g),
    }


def layouts(ranks):
    """For each way to share the rows out: the batches of each rank.

    Lists are split over ranks in all of them.
    """
    rows = torch.arange(ROWS)
    padded = torch.cat([rows, rows[: -ROWS % (ranks + 4) or 5]])
    return {
        "padded with repeats": [list(padded[rank::ranks].split(32)) for rank in range(ranks)],
        "uneven numbers of batches": [
            list(part.split(8 + 40 * rank))
            for rank, part in enumerate(
                rows.split([ROWS - 20 * (ranks - 1)] + [20] * (ranks - 1))
            )
        ],
        "a rank without rows": [list(rows.split(64)), *[[] for _ in range(ranks - 1)]],
        "one rank starts late": [[], list(rows.split(64)), *[[] for _ in range(ranks - 2)]],
    }


def measure(batches):
    metric, columns = RankingMetric(), table()
    for rows in batches:
        metric.update(**{key: value[rows] for key, value in columns.items()})
    return metric.compute()


def worker(rank, ranks, folder):
    torch.set_num_threads(1)
    # torchmetrics warns on rank 0 that it has seen no rows: here that is the case under test.
    warnings.filterwarnings("ignore", message="The ``compute`` method of metric RankingMetric")
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks
    )
    found = {name: measure(parts[rank]) for name, parts in layouts(ranks).items()}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_agree_with_one_process_to_the_last_digit(ranks, tmp_path):
    expected = measure([torch.arange(ROWS)])
    multiprocessing.spawn(worker, (ranks, tmp_path), nprocs=ranks)
    for rank in range(ranks):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert set(found) == set(layouts(ranks))
        for name, metrics in found.items():
            assert metrics == expected, (rank, name)


def test_the_layouts_do_hold_repeats():
    parts = layouts(3)["padded with repeats"]
    assert sum(len(rows) for part in parts for rows in part) > ROWS


def test_repeats_and_the_order_of_rows_do_not_matter():
    rows = torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
    again = measure([rows[:100], rows[50:], rows[:1]])
    assert again == measure([torch.arange(ROWS)])
    assert again["n"] == ROWS


def test_repeats_may_count_as_in_the_released_code():
    """Orders that come twice weigh twice: figures are those of the longer table."""
    columns = {key: value[:4] for key, value in table().items()}
    columns |= {"score": torch.tensor([2.0, 1.0, 0.0, -1.0]), "weight": torch.ones(4)}
    columns["label"] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    # Of 2 x 2 pairs one is right; with the best non-order twice, 1 of 2 x 3.
    for count_repeats, rows, auc in ((False, 4, 1 / 4), (True, 5, 1 / 6)):
        metric = RankingMetric(count_repeats=count_repeats)
        metric.update(**columns)
        metric.update(**{key: value[:1] for key, value in columns.items()})
        found = metric.compute()
        assert (found["n"], found["auc"]) == (rows, pytest.approx(auc))


def test_a_repeat_whose_score_differs_counts_once_whichever_came_first():
    columns = {key: value[:4] for key, value in table().items()}
    other = columns | {"score": columns["score"] + 0.25}
    found = []
    for batches in ((columns, other), (other, columns)):
        metric = RankingMetric()
        for batch in batches:
            metric.update(**batch)
        found.append(metric.compute())
    assert json.dumps(found[0]) == json.dumps(found[1])
    assert found[0]["n"] == 4


def test_bfloat16_scores_and_reset():
    metric, columns = RankingMetric(), table()
    metric.update(**(columns | {"score": columns["score"].bfloat16()}))
    assert 0.5 < metric.compute()["auc"] < 1
    metric.reset()
    metric.update(**columns)
    assert metric.compute() == measure([torch.arange(ROWS)])


def test_a_module_cast_to_half_precision_keeps_the_rows_whole():
    module = torch.nn.Module()
    module.metric = RankingMetric()
    columns = table() | {"row_id": torch.arange(ROWS) + 2**40}
    module.metric.update(**columns)
    module.half()
    module.metric.update(**columns)
    assert module.metric.compute()["n"] == ROWS


def test_without_groups_lists_are_none():
    metric, columns = RankingMetric(), table()
    metric.update(**(columns | {"group": None}))
    found = metric.compute()
    assert found["list_auc"] is None
    assert "no group columns" in found["list_reason"]


def test_ece_before_calibration_is_that_of_the_sigmoid():
    metric, columns = RankingMetric(), table()
    metric.update(**columns)
    squares = (columns["score"].double().sigmoid() - columns["label"].double()) ** 2
    weight = columns["weight"].double()
    expected = ((squares * weight).sum() / weight.sum()).item()
    assert metric.compute()["brier"] == pytest.approx(expected, abs=1e-12)
