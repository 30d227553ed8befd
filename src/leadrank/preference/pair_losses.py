"""Losses of a pair, each a function of the score difference and the margin, [p] -> [p].

All are written in z = difference - margin and fall as z grows. To add one: its function, a
value of `PairLoss`, and its line in `pair_loss`.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

PairLoss = Literal["bradley_terry", "hinge", "smoothed_bradley_terry", "top_weighted"]


def bradley_terry(
    difference: Float[Tensor, " p"], margin: Float[Tensor, " p"]
) -> Float[Tensor, " p"]:
    """`-log sigmoid(z)` = softplus(-z), z = difference - margin; in (0, inf).

    Source: arXiv 2606.04387; the margin as in Llama 2's reward model (arXiv 2307.09288);
    without one it is RankNet (Burges et al. 2005). Finite for any finite score.
    """
    return -functional.logsigmoid(difference - margin)


def hinge(difference: Float[Tensor, " p"], margin: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
    """`max(0, -z)`, z = difference - margin; nothing is asked of a pair that keeps its margin.

    Source: ranking SVM (Joachims 2002). With margin 0 a zero score is already a minimum.
    """
    return functional.relu(margin - difference)


def smoothed_bradley_terry(
    difference: Float[Tensor, " p"], margin: Float[Tensor, " p"], smoothing: float = 0.1
) -> Float[Tensor, " p"]:
    """`-(1 - eps) log sigmoid(z) - eps log sigmoid(-z)`: eps of the preferences are wrong.

    The minimum lies at z = log((1 - eps) / eps), so scores do not run away. Source: label
    smoothing of preferences as in conservative DPO (Mitchell 2023).
    """
    right = bradley_terry(difference, margin)
    return (1 - smoothing) * right + smoothing * bradley_terry(-difference, -margin)


def pair_loss(
    name: PairLoss,
    difference: Float[Tensor, " p"],
    margin: Float[Tensor, " p"],
    *,
    smoothing: float = 0.1,
) -> Float[Tensor, " p"]:
    """The named loss of each pair; `top_weighted` is Bradley-Terry, weighed by `top_weight`."""
    if name == "hinge":
        return hinge(difference, margin)
    if name == "smoothed_bradley_terry":
        return smoothed_bradley_terry(difference, margin, smoothing)
    return bradley_terry(difference, margin)


def top_weight(
    score: Float[Tensor, " n"],
    gain: Float[Tensor, " n"],
    winner: Tensor,
    loser: Tensor,
) -> Float[Tensor, " p"]:
    """What swapping a pair would change of the batch's DCG: `|gain_w - gain_l| |d_w - d_l|`.

    `d = 1 / log2(1 + rank)`, rank 1 for the highest score of the batch; the weights have no
    gradient. Equal scores share their mean rank, and a tied pair counts as neighbours there, or
    it could never part. Not divided by the ideal DCG: the mean over pairs divides by the
    weights anyway. Source: LambdaRank (Burges 2010, MSR-TR-2010-82), Wang et al. 2018.

    Args:
        score: logits [n].
        gain: what a row is worth in a list, e.g. 2^stage - 1, or the label [n].
        winner: row of `score` [p].
        loser: row of `score` [p].

    Returns:
        0 or more [p]; 0 for pairs of equal gain, so soft tiers weigh nothing.
    """
    score = score.detach()
    above = (score[None, :] > score[:, None]).sum(1)
    equal = (score[None, :] == score[:, None]).sum(1)
    # float64: deep in a list two neighbours' discounts agree in their first four digits.
    rank = above + (equal + 1).double() / 2
    tied = (score[winner] == score[loser]).double() / 2
    change = 1 / torch.log2(1 + rank[winner] + tied) - 1 / torch.log2(1 + rank[loser] - tied)
    return ((gain[winner] - gain[loser]).abs() * change.abs()).to(score.dtype)
