"""Inverse probability of censoring weights: what rows followed too briefly leave out."""

import torch
from jaxtyping import Float
from torch import Tensor


def censoring_weights(
    label: Float[Tensor, " n"],
    event_days: Float[Tensor, " n"],
    followed_days: Float[Tensor, " n"],
    *,
    horizon_days: int,
    clip: float = 0.05,
    weight: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, " n"]:
    """Weigh each row by the inverse of the probability that its outcome could be seen.

    `1 / G(t)` for an order at day t <= horizon, `1 / G(horizon)` for a row followed to the
    horizon without one, 0 for the rest; `G(t)` is the share of rows followed for t days or
    longer, no less than `clip`. Follow-up is known of every row, ordered or not, so G is a
    plain share and needs no Kaplan-Meier estimate. Weighted sums then estimate those of rows
    that are all followed to the horizon, if follow-up says nothing about the outcome (leads
    of late snapshots convert like earlier ones). Source: Robins and Rotnitzky 1992; for
    prediction Graf et al. 1999.

    Args:
        label: 1 for an order within the horizon [n].
        event_days: days from snapshot to order [n]; read only where the label is 1.
        followed_days: days from snapshot to extract [n].
        horizon_days: days in which an order counts.
        clip: least G, in (0, 1]; bounds a weight by its inverse, at the price of a bias.
        weight: rows of the population that a row stands for [n]; null is 1 each.

    Returns:
        0, or 1 to 1 / clip [n].
    """
    days = followed_days.double()
    horizon = days.new_tensor(float(horizon_days))
    ordered = (label > 0) & (event_days <= torch.minimum(days, horizon))
    until = torch.where(ordered, event_days.double(), horizon)
    share = _share_followed(days, torch.ones_like(days) if weight is None else weight, until)
    seen = ordered | (days >= horizon)
    return torch.where(seen, 1 / share.clamp(min=clip), 0.0).to(followed_days.dtype)


def _share_followed(days: Tensor, weight: Tensor, until: Tensor) -> Tensor:
    """Weighted share of `days` >= each of `until` [n]."""
    order = days.argsort()
    below = torch.cat([weight.new_zeros(1), weight[order].cumsum(0)]).double()
    place = torch.searchsorted(days[order], until)
    return 1 - below[place] / below[-1]
