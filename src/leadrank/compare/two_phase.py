"""Two-phase samples: where scoring every row is too dear, some stand for the rest.

Kept for certain are all orders and whatever any cheap system ranks near the top, since the
figures hang on these; of the rest so many are drawn, and each counts as often as it stands for
others (Horvitz and Thompson 1952). Bootstrap draws are of all leads, the unscored ones too, so
that the numbers of orders and of other leads vary as they would with new leads; they do not
know that the share drawn is fixed, which makes intervals of the AUC a little too wide. What is
given up: average precision divides by a count that sampling makes noisy and comes out too high,
the more so the more rows each drawn one stands for, and its interval with it: a report must not
judge a sampled system by it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Share of the rows near the top of a cheap system's list that are scored for certain.
TOP = 0.05


def two_phase(label: NDArray, cheap: Sequence[Floats], *, rest: int, seed: int = 0) -> Floats:
    """[n] how many rows each row stands for: 1, (rows of the rest) / (drawn of them), or 0.

    Args:
        label: 0 or 1 [n].
        cheap: scores [n] of systems that scored every row.
        rest: rows drawn from those that are not kept for certain.
        seed: of the draw.
    """
    certain = np.asarray(label) == 1
    top = int(np.ceil(TOP * len(certain)))
    for score in cheap:
        certain[np.argsort(-score, kind="stable")[:top]] = True
    others = np.flatnonzero(~certain)
    drawn = np.random.default_rng(seed).permutation(others)[:rest]
    times = certain.astype(np.float64)
    times[drawn] = len(others) / max(1, len(drawn))
    return times
