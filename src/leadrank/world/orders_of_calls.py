"""What an order of calls is worth: sales of the same worlds under several policies.

A call causes: by its true effect first sells most, last least. Worlds of one seed share all
chance, so what differs is the policy's. `span` places each policy between these two.
"""

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
from tqdm import tqdm

from leadrank.world.day_view import Policy
from leadrank.world.dealership import Dealership
from leadrank.world.policies import (
    by_true_effect,
    by_true_probability,
    longest_waiting,
    recency,
    scorecard,
    shuffled,
)
from leadrank.world.settings import WorldSettings

POLICIES: dict[str, Callable[[Dealership], Policy]] = {
    "true effect of a call": by_true_effect,
    "true chance of an order": by_true_probability,
    "scorecard": lambda _: scorecard,
    "recency": lambda _: recency,
    "longest waiting": lambda _: longest_waiting,
    "chance": lambda _: shuffled,
    "effect, reversed": lambda world: by_true_effect(world, sign=-1),
}
BEST, WORST = "true effect of a call", "effect, reversed"


def sales_by_policy(
    settings: WorldSettings, seeds: Iterable[int], *, progress: bool = True
) -> pl.DataFrame:
    """Orders of days 0 to `settings.days` in the world of each seed under each policy.

    Returns:
        One row per seed: `seed`, and the orders under each of POLICIES.
    """
    steps = [(seed, name) for seed in seeds for name in POLICIES]
    sold: dict[int, dict[str, int]] = {}
    for seed, name in tqdm(steps, desc="worlds", disable=not progress):
        world = Dealership(settings, seed, snapshots=False)
        orders = world.run(settings.days, POLICIES[name](world)).log.read("orders")
        sold.setdefault(seed, {})[name] = int((orders["day"] >= 0).sum())
    return pl.DataFrame([{"seed": seed, **each} for seed, each in sold.items()])


def table(sold: pl.DataFrame) -> str:
    """Mean orders, how many more than by chance, and the place in the span, in percent.

    +- is the standard error of the mean over seeds; the span's by the jackknife over seeds.
    """
    head = f"{'policy':<26}{'orders':>9}{'more than by chance':>24}{'of the span':>20}"
    lines = [f"{sold.height} worlds, each under every policy", head]
    for name in POLICIES:
        more = (sold[name] - sold["chance"]).to_numpy()
        place, error = _span(sold, name)
        lines.append(
            f"{name:<26}{sold[name].to_numpy().mean():>9.1f}"
            f"{more.mean():>+14.1f} +- {_error(more):<6.1f}{place:>10.0%} +- {error:.0%}"
        )
    return "\n".join(lines)


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def _span(sold: pl.DataFrame, name: str) -> tuple[float, float]:
    """(orders - worst) / (best - worst) of the sums over seeds, and its jackknife error."""
    above, whole = ((sold[each] - sold[WORST]).to_numpy() for each in (name, BEST))
    n = len(above)
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (above.sum() - above) / (whole.sum() - whole)
        place = above.sum() / whole.sum()
    error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    return float(place), float(error) if n > 1 else np.nan
