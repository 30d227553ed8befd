"""A gate on each tier: it counts as far as it pulls the model where orders do.

A tier that disagrees with the goal can cost more than all tiers gain. What is given up: the
gate is timid, and closes a little on tiers that would have helped.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def agreement(
    tier_gradient: Float[Tensor, "t d"], pointwise_gradient: Float[Tensor, " d"]
) -> Float[Tensor, " t"]:
    """The cosine of each tier's gradient with the pointwise one, in [-1, 1].

    `g_t . g / (|g_t| |g|)`, 0 where either vanishes. Source: gradient agreement as in Du et
    al. 2018 (arXiv 1812.02224), here for each tier of preference pairs.

    Args:
        tier_gradient: of each tier's mean loss [t d].
        pointwise_gradient: of the pointwise mean loss of other leads: with the tier's own ones
            a noisy label would agree with itself [d].
    """
    length = tier_gradient.norm(dim=1) * pointwise_gradient.norm()
    return tier_gradient @ pointwise_gradient / torch.where(length > 0, length, 1)


def running(
    mean: Float[Tensor, " t"],
    seen: Float[Tensor, " t"],
    value: Float[Tensor, " t"],
    present: Tensor,
    *,
    memory: int = 20,
) -> tuple[Float[Tensor, " t"], Float[Tensor, " t"]]:
    """The mean of all values so far, and from `memory` values on a moving average of them.

    `mean + (value - mean) / min(seen + 1, memory)` where present, else as it was: a batch
    without pairs of a tier says nothing about it.

    Args:
        mean: so far [t].
        seen: how many values it has [t].
        value: the new ones [t].
        present: where there is a new one [t].
        memory: values that a moving average looks back on.

    Returns:
        the new mean and the new count, each [t].
    """
    seen = seen + present
    step = (value - mean) / seen.clamp(min=1, max=memory)
    return torch.where(present, mean + step, mean), seen


def gate(cosine: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """The factor of each tier's weight: the running cosine, floored at 0; in [0, 1]."""
    return cosine.clamp(min=0)
