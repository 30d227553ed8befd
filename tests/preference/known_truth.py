"""A small funnel whose chance of an order is known, some leads quick and some slow to order."""

from dataclasses import dataclass

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from leadrank.preference import (
    Tier,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
    preference_pairs,
)

HORIZON = 30.0
ORDERS = (Tier("orders", (1,), (0,)),)


@dataclass(frozen=True)
class World:
    """Rows with inputs x [n 3]; what is recorded by the extract, and what is true.

    `chance` [n]: of an order within the horizon; `day` [n]: of the order, infinite without;
    `followed` [n]: days until the extract.
    """

    x: Tensor
    chance: Tensor
    day: Tensor
    followed: Tensor

    @property
    def recorded(self) -> Tensor:
        """Orders within the horizon that the extract knows of [n]."""
        return (self.day <= self.followed).double()


def make_world(rows: int, seed: int) -> World:
    """Two inputs drive the chance alike, but leads with the first order on day 20 to 30.

    The others order on day 0 to 10. Follow-up is 1 to 45 days and knows nothing of a lead.
    """
    g = torch.Generator().manual_seed(seed)
    uniform = lambda: torch.rand(rows, generator=g, dtype=torch.float64)  # noqa: E731
    slow, quick = (uniform() < 0.4).double(), (uniform() < 0.4).double()
    noise = torch.randn(rows, generator=g, dtype=torch.float64)
    chance = torch.sigmoid(-2.5 + 2.0 * slow + 1.5 * quick + 0.5 * noise)
    day = torch.where(slow > 0, 20.0, 0.0) + 10 * uniform()
    day = torch.where(uniform() < chance, day, torch.inf)
    x = torch.stack([slow, quick, noise], 1)
    return World(x, chance, day, 1 + 44 * uniform())


def fit_linear(
    x: Tensor,
    label: Tensor,
    weight: Tensor,
    *,
    pointwise: float = 1.0,
    preference: float = 0.0,
    rate: Tensor | None = None,
) -> Tensor:
    """Weights and bias [d + 1] that minimise the joint loss of these rows; weight 0 is out."""
    rows = len(x)
    design = torch.cat([x, torch.ones(rows, 1, dtype=x.dtype)], 1)
    solution = torch.zeros(design.shape[1], dtype=x.dtype, requires_grad=True)
    known, none = torch.ones(rows, dtype=torch.bool), torch.zeros(rows, dtype=torch.bool)
    pairs = preference_pairs(
        label.long(), known, none, known, torch.arange(rows),
        tiers=ORDERS if preference else (), row_weight=weight,
    )  # fmt: skip
    rate = torch.ones_like(weight) if rate is None else rate
    tiers = ORDERS if preference else ()
    search = torch.optim.LBFGS([solution], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        score = design @ solution
        found = joint_loss(
            pointwise_loss(score, label, weight, rate),
            hierarchical_preference_loss(score, pairs, tiers=tiers),
            tiers=tiers,
            pointwise_weight=pointwise,
            preference_weight=preference,
        )
        found.backward()
        return found

    search.step(loss)
    return solution.detach()


def score(x: Tensor, solution: Tensor) -> Tensor:
    """Logits [n]."""
    return x @ solution[:-1] + solution[-1]


def horizon_auc(world: World, scores: Tensor) -> float:
    """AUC against whether a lead orders within the horizon, recorded or not."""
    return float(roc_auc_score(world.day <= HORIZON, scores))
