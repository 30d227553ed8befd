"""Metrics of probabilities: Brier score and expected calibration error.

Like the metrics of order: float64, weights [n] or [draws n], NaN where undefined.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from leadrank.preference.rank_axis import at_edges, interpolate, rank_axis, total


def brier(
    probability: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
) -> Float64[Tensor, "*draws"]:
    """Return the mean squared error of the probabilities, in [0, 1].

    Args:
        probability: in [0, 1] [n].
        label: 0 or 1 [n].
        weight: multiplicity of each row, 0 or more [*draws n].
    """
    return total(weight * (probability - label) ** 2) / total(weight)


def ece(
    probability: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    bins: int = 15,
) -> Float64[Tensor, "*draws"]:
    """Return the expected calibration error over bins of equal mass, in [0, 1].

    `sum_b |labels_b - probabilities_b| / W`, sums of weight * label and weight * probability in
    bin b. A row on the border of two bins, or a tie across it, is shared between them, so the
    order of rows never matters. Arguments as in `brier`.
    """
    axis = rank_axis(probability)
    rows = at_edges(axis, weight)
    marks = rows[..., -1:] * torch.arange(bins + 1, dtype=rows.dtype) / bins
    gap = at_edges(axis, weight * (label - probability))
    return total(interpolate(rows, gap, marks).diff().abs()) / rows[..., -1]


def chance_ece(
    probability: Float64[Tensor, " n"], weight: Float64[Tensor, " n"], *, bins: int = 15
) -> Float64[Tensor, ""]:
    """Return the calibration error that exactly right probabilities would show by chance.

    `sum_b sqrt(2 v_b / pi) / W` with v_b the sum of weight^2 p (1 - p) over bin b: the mean of
    |labels - probabilities| where labels are drawn as the probabilities say, by the normal
    approximation of each bin. `ece` is never much lower, however good the probabilities are.
    Arguments as in `ece`.
    """
    axis = rank_axis(probability)
    rows = at_edges(axis, weight)
    marks = rows[..., -1:] * torch.arange(bins + 1, dtype=rows.dtype) / bins
    variance = at_edges(axis, weight**2 * probability * (1 - probability))
    spread = interpolate(rows, variance, marks).diff().clamp(min=0)
    return total((2 * spread / torch.pi).sqrt()) / rows[..., -1]
