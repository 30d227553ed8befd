"""Products of two fields, which a linear score needs to see what trees see.

Written out for every two features of different fields, they are thousands; kept are those that
enough training rows hold, and a penalty of their own shrinks them (see `probe`).
"""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: A product that fewer training rows hold (in sum) cannot be learned.
LEAST_ROWS = 10.0
MOST_CROSSES = 4096
#: Products times training rows; a fit holds some seven copies, 2 GiB in all.
MOST_VALUES = 2**26

NO_CROSSES = np.zeros((0, 2), np.int64)

Matrix = TypeVar("Matrix", NDArray[np.float32], Tensor)


def choose_crosses(
    features: NDArray[np.float32], field: NDArray[np.int64]
) -> NDArray[np.int64]:
    """[c 2] columns of `features` whose products are worth a weight, left column first.

    Args:
        features: of the training rows, in [0, 1] [n f].
        field: which field each column belongs to [f]; one field is not crossed with itself.
    """
    held = features.T @ features
    pairs = np.argwhere(np.triu(field[:, None] != field[None, :]) & (held >= LEAST_ROWS))
    most = min(MOST_CROSSES, MOST_VALUES // max(1, len(features)))
    common = np.argsort(-held[pairs[:, 0], pairs[:, 1]], kind="stable")[:most]
    return pairs[np.sort(common)]


def crossed(fields: Matrix, crosses: NDArray[np.int64] | Tensor) -> Matrix:
    """[n c] products of the columns [c 2] of `fields` [n f]."""
    if isinstance(fields, Tensor):
        # Several times as fast as torch's indexing of columns.
        left, right = torch.as_tensor(crosses).unbind(1)
        return fields.index_select(1, left) * fields.index_select(1, right)
    return fields[:, crosses[:, 0]] * fields[:, crosses[:, 1]]
