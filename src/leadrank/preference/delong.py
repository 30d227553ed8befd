"""DeLong's test of two AUCs on the same rows: no draws, for a check of the bootstrap.

A score's AUC is the mean, over orders, of the share of other rows below each. How far each
order and each other row stands from that mean gives the variance (DeLong et al. 1988); sums of
these within a lead, instead of rows one by one, keep it right where a lead has several rows
(Obuchowski 1997). Weights count as rows' multiplicities that are known without error. What is
given up against the bootstrap: it is a normal approximation, of the AUC alone.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from scipy.stats import norm
from torch import Tensor

from leadrank.preference.order_metrics import auc


class AucTest(NamedTuple):
    """AUC of the first score minus the second's, its standard error, interval and p value."""

    difference: float
    error: float
    low: float
    high: float
    p: float


def delong(
    score_a: Float[Tensor, "*seeds n"],
    score_b: Float[Tensor, "*seeds2 n"],
    label: Tensor,
    weight: Float[Tensor, " n"],
    lead: Int64[Tensor, " n"],
    *,
    level: float = 0.95,
) -> AucTest:
    """Test whether two scores of the same rows have the same AUC, two-sided.

    Var = S_1 + S_0 + 2 S_10, sums over leads of their orders' and other rows' shares of the
    difference; without repeated leads the last is 0 and this is DeLong's. NaN without two leads
    of either outcome.

    Args:
        score_a: any scale; of several seeds the mean of their AUCs is tested [*seeds n].
        score_b: as `score_a`; it may have another number of seeds.
        label: 0 or 1 [n].
        weight: rows of the population that a row stands for [n].
        lead: code of the lead [n].
        level: coverage of the interval, in (0, 1).
    """
    label, weight = label.double(), weight.double()
    (auc_a, share_a), (auc_b, share_b) = (
        _mean_shares(score.double().reshape(-1, len(label)), label, weight)
        for score in (score_a, score_b)
    )
    share = share_a - share_b
    code = lead.unique(return_inverse=True)[1]
    orders, others = (_by_lead(share, code, label == value) for value in (1, 0))
    leads = len(orders[0])
    variance = _sum(*orders) + _sum(*others)
    if leads > 1:
        variance = variance + 2 * leads / (leads - 1) * (orders[0] * others[0]).sum()
    gap, error = float(auc_a - auc_b), float(variance.clamp(min=0).sqrt())
    half = float(norm.ppf((1 + level) / 2)) * error
    p = float(gap == 0) if error == 0 else float(2 * norm.sf(abs(gap) / error))
    return AucTest(gap, error, gap - half, gap + half, p)


def _mean_shares(
    scores: Float64[Tensor, "seeds n"], label: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """The mean AUC, and each row's share of how far it strays [n]."""
    found = [_shares(score, label, weight) for score in scores]
    return torch.stack([one for one, _ in found]).mean(), torch.stack(
        [share for _, share in found]
    ).mean(0)


def _shares(score: Tensor, label: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    one = auc(score, label, weight)
    high, low = weight * label, weight * (1 - label)
    beaten = _below(score, low) / low.sum()
    beats = 1 - _below(score, high) / high.sum()
    share = high / high.sum() * (beaten - one) + low / low.sum() * (beats - one)
    return one, share


def _below(score: Tensor, mass: Tensor) -> Tensor:
    """[n] the mass below each row's score, that at it by half."""
    order = score.argsort(stable=True)
    ascending = score[order].contiguous()
    edges = torch.cat([mass.new_zeros(1), mass[order].cumsum(0)])
    left, right = (
        torch.searchsorted(ascending, score.contiguous(), right=r) for r in (False, True)
    )
    return (edges[left] + edges[right]) / 2


def _by_lead(share: Tensor, code: Tensor, rows: Tensor) -> tuple[Tensor, int]:
    """[leads] sum of these rows' shares, and how many leads have one."""
    leads = int(code.max()) + 1
    summed = share.new_zeros(leads).index_add(0, code[rows], share[rows])
    return summed, len(code[rows].unique())


def _sum(share: Tensor, leads: int) -> Tensor:
    """The sum of squares with Bessel's correction; NaN for one lead."""
    return (share**2).sum() * leads / (leads - 1) if leads > 1 else share.new_tensor(torch.nan)
