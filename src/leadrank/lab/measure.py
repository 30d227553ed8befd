"""Trials against the reference, share by share: paired, on shared draws of leads and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from leadrank.lab.cells import Cell
from leadrank.lab.trials import REFERENCE
from leadrank.preference.intervals import lead_draws
from leadrank.preference.order_metrics import auc, average_precision

DRAWS = 400
CHOSEN = "chosen"
METRICS = {"auc": auc, "average_precision": average_precision}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Test:
    """The test rows: label, weight and code of the lead [n] each."""

    label: torch.Tensor
    weight: torch.Tensor
    lead: torch.Tensor


@dataclass(frozen=True)
class Gap:
    """How much a trial's figure on test exceeds the reference's, at one share of the orders.

    `difference` is the mean over seeds; the 95 % interval is of draws of leads and of seeds.
    `orders`: kept for training, at the median. `value`: the trial's own figure.
    """

    trial: str
    share: float
    metric: str
    value: float
    difference: float
    low: float
    high: float
    rate: float
    orders: int


def best_rates(cells: Sequence[Cell]) -> dict[tuple[str, float], list[Cell]]:
    """{(trial, share): its seeds' cells at the rate that is best on validation, averaged}."""
    groups: dict[tuple[str, float], dict[float, list[Cell]]] = {}
    for cell in cells:
        groups.setdefault((cell.trial, cell.share), {}).setdefault(cell.rate, []).append(cell)
    return {
        key: max(by_rate.values(), key=lambda one: float(np.mean([c.validation for c in one])))
        for key, by_rate in groups.items()
    }


def chosen_cells(best: dict[tuple[str, float], list[Cell]]) -> dict[float, list[Cell]]:
    """{share: of each seed, the cell of the trial that is best on validation}, any trial."""
    found: dict[float, list[Cell]] = {}
    for share in dict.fromkeys(share for _, share in best):
        columns = [cells for (_, at), cells in best.items() if at == share]
        by_seed = zip(*columns, strict=True)
        found[share] = [max(seed, key=lambda cell: cell.validation) for seed in by_seed]
    return found


def measure(
    cells: Sequence[Cell], test: Test, *, draws: int = DRAWS, seed: int = 0
) -> list[Gap]:
    """Every trial's gap to the reference, and that of choosing a trial on validation.

    Args:
        cells: of all trials; the reference's are among them.
        test: outcomes of the rows that the cells score.
        draws: of the bootstrap.
        seed: of the draws, which all trials share.
    """
    best = best_rates(cells)
    best |= {(CHOSEN, share): found for share, found in chosen_cells(best).items()}
    times = torch.cat(list(lead_draws(test.lead, draws=draws, seed=seed)))
    weights = torch.cat([torch.ones(1, len(test.lead)).double(), times]) * test.weight
    gaps = []
    for metric in METRICS:
        figures = {key: _figures(found, metric, test, weights) for key, found in best.items()}
        for (trial, share), found in best.items():
            if trial != REFERENCE:
                own, over = figures[trial, share], figures[REFERENCE, share]
                gaps.append(_gap(found, share, trial, metric, own, over, seed))
    return gaps


def _figures(cells: Sequence[Cell], metric: str, test: Test, weights: torch.Tensor) -> Floats:
    """[seeds 1 + draws] of a trial's cells; the first column is of the rows as they are."""
    rows = [
        METRICS[metric](torch.from_numpy(cell.score).double(), test.label, weights)
        for cell in cells
    ]
    return torch.stack(rows).numpy()


def _gap(
    cells: Sequence[Cell],
    share: float,
    trial: str,
    metric: str,
    own: Floats,
    reference: Floats,
    seed: int,
) -> Gap:
    gap = own - reference
    random = np.random.default_rng(seed)
    taken = random.integers(0, len(gap), (gap.shape[1] - 1, len(gap)))
    drawn = gap[taken, np.arange(1, gap.shape[1])[:, None]].mean(1)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Gap(
        trial,
        share,
        metric,
        float(own[:, 0].mean()),
        float(gap[:, 0].mean()),
        float(low),
        float(high),
        cells[0].rate,
        int(np.median([cell.orders for cell in cells])),
    )
