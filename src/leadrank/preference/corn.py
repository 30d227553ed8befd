"""CORN: the funnel's stages as conditional probabilities, the pair-free way to use them.

A funnel of K stages has m = K - 1 steps; the logit of step k says how likely a row that reached
stage k - 1 is to reach stage k (Shi, Cao and Raschka 2021, arXiv 2111.08851). Each
step learns from the rows that came so far, so their product is a probability of the order.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from leadrank.preference.losses import Reduced

#: From here on 1 - sigmoid(score) is exp(-score) to float32's last digit.
LARGE = 17.0


def corn_loss(
    logits: Float[Tensor, "n m"],
    label: Float[Tensor, " n"],
    weight: Float[Tensor, " n"],
    rate: Float[Tensor, " n"],
    stage: Int64[Tensor, " n"],
    stage_known: Bool[Tensor, " n"],
) -> Reduced:
    """Sum the cross-entropy of every step that a row's stage says something about.

    `sum_i w_i sum_{k <= stage_i + 1} CE(logits_ik, stage_i >= k)` with w = weight / rate,
    divided by the weighted number of those terms (arXiv 2111.08851). A row of unknown stage
    says only whether it ordered, and so has one term, `CE(corn_score(logits_i), label_i)`:
    the likelihood of that, whatever the steps between.

    Args:
        logits: of the steps [n m].
        label: 0 or 1 [n]; read where the stage is not known.
        weight: rows of the population that a row stands for, 0 or more [n].
        rate: expected times the row is drawn per epoch, above 0 [n].
        stage: 0 = shallowest, m = ordered [n].
        stage_known: where `stage` means something [n].

    Returns:
        weighted sum of losses and weighted count of terms, scalars.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    share = weight.to(logits.dtype) / rate.to(logits.dtype)
    step = torch.arange(1, logits.shape[1] + 1, device=logits.device)
    came = (stage[:, None] >= step - 1) & stage_known[:, None]
    went = (stage[:, None] >= step).to(logits.dtype)
    steps = binary_cross_entropy_with_logits(logits, went, reduction="none") * came
    orders = binary_cross_entropy_with_logits(
        corn_score(logits), label.to(logits.dtype), reduction="none"
    )
    each = torch.where(stage_known, steps.sum(1), orders)
    terms = torch.where(stage_known, came.sum(1), 1).to(logits.dtype)
    return Reduced((share * each).sum(), (share * terms).sum())


def corn_score(logits: Float[Tensor, "n m"]) -> Float[Tensor, " n"]:
    """Log-odds of the final stage, `log(P / (1 - P))` with `P = prod_k sigmoid(logits_k)`.

    In log space: `1 - P = sum_k (1 - p_k) prod_{j < k} p_j`, the chance to stop at step k, so
    that nothing cancels; finite for any finite logits. One step: the logit itself.

    Args:
        logits: of the steps [n m], m at least 1.

    Returns:
        logits [n].
    """
    passed = logsigmoid(logits).cumsum(1)
    before = torch.cat([torch.zeros_like(passed[:, :1]), passed[:, :-1]], dim=1)
    return passed[:, -1] - torch.logsumexp(before + logsigmoid(-logits), dim=1)


def even_steps(score: Float[Tensor, "*n"], count: int) -> Float[Tensor, "*n"]:
    """The logit that each of `count` equal steps has when the final stage has log-odds `score`.

    `logit(sigmoid(score)^(1 / count))`, so that `corn_score` of `count` of them is `score`.

    Args:
        score: log-odds of the final stage, any shape.
        count: number of steps, at least 1.

    Returns:
        logits of the same shape.
    """
    step = logsigmoid(score) / count
    # log(1 - exp(step)); where sigmoid(score) rounds to 1 it is exp(-score) / count.
    near = torch.log(-torch.expm1(logsigmoid(score.clamp(max=LARGE)) / count))
    far = -score - torch.log(score.new_tensor(float(count)))
    return step - torch.where(score < LARGE, near, far)
