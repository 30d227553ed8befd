"""What decides on validation: by which figure, and how clear a gain must be.

A validation part holds tens of orders, and the best of many epochs and rates is partly the
luckiest. So the figure is the AUC, in which every order counts, while average precision hangs
on the few at the top; and what was trained must beat its start beyond chance. The interval is
of one comparison: of many unlike tries the best would pass too often, but epochs of one
training are much alike.
"""

import torch
from numpy.typing import ArrayLike

from leadrank.preference import Difference, paired_difference
from leadrank.training.data import LeadDataModule

CHOSEN_BY = "auc"
MONITOR = f"val/{CHOSEN_BY}"


def gain_on_validation(data: LeadDataModule, score: ArrayLike, start: ArrayLike) -> Difference:
    """By how much `score` is above `start` in CHOSEN_BY, with its paired 95 % interval.

    Drawn over leads; both are scores of the validation rows, in the order of
    `data.positions("validation")` [n].
    """
    rows = data.positions("validation")
    label, weight = data.rows.label[rows].long(), data.rows.weight[rows].double()
    one, other = (torch.as_tensor(a, dtype=torch.float64) for a in (score, start))
    return paired_difference(one, other, label, weight, data.rows.lead[rows])[CHOSEN_BY]


def earns_its_keep(data: LeadDataModule, trained: ArrayLike, start: ArrayLike) -> bool:
    """Whether the interval of what training gained on validation lies above 0.

    Arguments as those of `gain_on_validation`.
    """
    return gain_on_validation(data, trained, start).low > 0
