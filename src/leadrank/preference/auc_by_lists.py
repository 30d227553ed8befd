"""Where the AUC comes from: pairs within call lists, and pairs between them.

Exact, float64, O(n log n), weights [n] or many draws of them [draws n], ties by expectation,
NaN where undefined, as in `order_metrics`. Rows of no list have `group_known` false.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from leadrank.preference.order_metrics import concordance
from leadrank.preference.rank_axis import rank_axis, total

#: A share of pairs below this is none: what rounding leaves of a difference of large sums.
NO_PAIRS = 1e-12


class AucByLists(NamedTuple):
    """AUC = pairs_within * within + (1 - pairs_within) * between.

    `within`, `between`: AUC of pairs within one list, and of pairs of two lists (or of no
    list); NaN without such a pair. `pairs_within`: share of the pairs that are within a list.
    """

    within: Tensor
    between: Tensor
    pairs_within: Tensor


def auc_by_lists(
    score: Float64[Tensor, " n"],
    label: Float64[Tensor, " n"],
    weight: Float64[Tensor, "*draws n"],
    *,
    group: Int64[Tensor, " n"],
    group_known: Bool[Tensor, " n"] | None = None,
) -> AucByLists:
    """Split the AUC into pairs within lists and pairs between them, each [*draws].

    Args:
        score: any scale [n].
        label: 0 or 1 [n].
        weight: multiplicity of each row, 0 or more [*draws n].
        group: code of each row's list [n].
        group_known: where a row is in a list; everywhere if absent [n].
    """
    listed = weight if group_known is None else weight * group_known
    parts = (
        concordance(rank_axis(score), weight * label, weight * (1 - label)),
        concordance(rank_axis(score, group), listed * label, listed * (1 - label)),
    )
    (won, pairs), (won_within, pairs_within) = (map(total, part) for part in parts)
    share = pairs_within / pairs
    between = (won - won_within) / (pairs - pairs_within)
    between = torch.where(share > 1 - NO_PAIRS, torch.nan, between.clamp(0, 1))
    return AucByLists(won_within / pairs_within, between, share)
