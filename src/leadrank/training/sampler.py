"""Which leads make a batch: every stage in every batch, lengths alike, rare orders spread.

Rows of each stratum (label, stage, lost) are sorted by length and dealt evenly over the
batches, so the k-th batch gets the k-th shortest part of every stratum: one rule buckets the
lengths and balances the stages. A row that is drawn several times goes to as many neighbouring
batches. What is given up: batches of one epoch differ in length, so their order is shuffled,
and lengths are jittered by epoch to change a lead's mates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from leadrank.errors import UserError


@dataclass(frozen=True)
class SamplerSettings:
    """How an epoch is drawn.

    Args:
        batch_size: leads in a batch, about; pairs are drawn within it. Accumulating
            (trainer.accumulate_grad_batches: N) averages the gradients of N such batches, each
            of its own means, and makes no pairs across them.
        orders_per_batch: at least so many orders in each batch; scarce ones are repeated, but
            not within a batch as long as there are other batches.
        negatives_per_order: draw so many non-orders per order, new ones each epoch; null takes
            all of them.
        order_copies: as HPRO's released code does: put each order so many times into a pool,
            and make batches of `orders_per_batch` from it and of non-orders otherwise, until
            one of the two runs out. Null repeats orders no more than `orders_per_batch` asks.
        stage_balance: 1 deals each stage evenly over the batches, whatever its lengths; less
            leaves the rest to length: where orders have longer texts, 0.25 saves padding and
            short batches have fewer orders.
        length_jitter: lengths are multiplied by chance, exp(N(0, length_jitter)), before they
            are sorted, which changes a lead's mates by epoch; 0.02 saves padding.
    """

    batch_size: int = 32
    orders_per_batch: int = 2
    negatives_per_order: float | None = None
    order_copies: int | None = None
    stage_balance: float = 1.0
    length_jitter: float = 0.1

    def __post_init__(self) -> None:
        problems = [
            f"data.sampler.{name}: {value}, expected a number above 0"
            for name, value in vars(self).items()
            if value is not None and value <= 0
        ]
        if self.stage_balance > 1:
            problems.append(
                f"data.sampler.stage_balance: {self.stage_balance}, expected above 0 to 1"
            )
        if self.order_copies is not None:
            problems += _copy_problems(self)
        if problems:
            raise UserError("\n".join(problems))


def _copy_problems(settings: SamplerSettings) -> Iterator[str]:
    if settings.negatives_per_order is not None:
        yield (
            f"data.sampler.negatives_per_order: {settings.negatives_per_order}, but with "
            "order_copies a batch is filled up with non-orders; drop it"
        )
    if settings.orders_per_batch >= settings.batch_size:
        yield (
            f"data.sampler.orders_per_batch: {settings.orders_per_batch} leaves no room for "
            f"non-orders in a batch_size of {settings.batch_size}; raise that"
        )


@dataclass(frozen=True)
class EpochPlan:
    """What every epoch has in common.

    `passes`: how often an order is drawn in an epoch, at most; `orders`: how many orders are,
    counting repeats; `negatives`: how many non-orders; `num_batches`; `rate` [rows]: expected
    times each row is drawn per epoch.
    """

    passes: int
    orders: int
    negatives: int
    num_batches: int
    rate: NDArray[np.float64]


def plan_epoch(label: NDArray, settings: SamplerSettings) -> EpochPlan:
    """Plans the draws for rows with these labels [rows].

    Orders are drawn `passes` times each, or with `order_copies` at most; non-orders without
    replacement. Raises ValueError when there is no order or no non-order.
    """
    orders = int(label.sum())
    others = len(label) - orders
    if not orders or not others:
        raise ValueError("a sampler needs both orders and non-orders")
    if settings.order_copies is not None:
        return _plan_of_copies(label, orders, others, settings)
    negatives = others
    if settings.negatives_per_order is not None:
        negatives = min(others, max(1, round(settings.negatives_per_order * orders)))
    num_batches = max(1, round((orders + negatives) / settings.batch_size))
    passes = max(1, -(-settings.orders_per_batch * num_batches // orders))
    rate = np.where(label == 1, float(passes), negatives / others)
    return EpochPlan(passes, passes * orders, negatives, num_batches, rate)


def _plan_of_copies(
    label: NDArray, orders: int, others: int, settings: SamplerSettings
) -> EpochPlan:
    """Batches of so many orders and non-orders until either has run out; one at least."""
    assert settings.order_copies is not None
    pool, each = settings.order_copies * orders, settings.orders_per_batch
    rest = settings.batch_size - each
    num_batches = max(1, min(pool // each, others // rest))
    drawn, negatives = min(pool, num_batches * each), min(others, num_batches * rest)
    rate = np.where(label == 1, drawn / orders, negatives / others)
    return EpochPlan(settings.order_copies, drawn, negatives, num_batches, rate)


class StageSampler(Sampler[NDArray[np.int64]]):
    """Yields the positions of each batch's rows.

    Args:
        length: tokens of each row [rows].
        label: 0 or 1 [rows].
        stratum: any code of what should be spread evenly, finer than the label [rows].
        settings: see `SamplerSettings`.
        seed: with the epoch it fixes every draw.
        rank: of this process; it gets every `world_size`-th batch.
        world_size: number of processes; all get the same number of batches.
    """

    def __init__(
        self,
        length: NDArray,
        label: NDArray,
        stratum: NDArray,
        *,
        settings: SamplerSettings,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.length, self.label, self.stratum = length, label, stratum
        self.plan = plan_epoch(label, settings)
        self.stage_balance = settings.stage_balance
        self.length_jitter = settings.length_jitter
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.plan.num_batches // self.world_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        batches = self.batches()
        # Ranks that run out start again, so that no rank waits for a step that never comes.
        for turn in range(len(self)):
            yield batches[(turn * self.world_size + self.rank) % len(batches)]

    def batches(self) -> list[NDArray[np.int64]]:
        """All batches of this epoch, whatever the rank."""
        random = np.random.default_rng([self.seed, self.epoch])
        strata = [self._by_length(rows, times, random) for rows, times in self._draw(random)]
        rows = np.concatenate([stratum.rows for stratum in strata])
        place = np.concatenate(self._deal(strata))
        order = np.argsort(place, kind="stable")
        edges = np.searchsorted(place[order], np.arange(1, self.plan.num_batches))
        batches = [batch for batch in np.split(rows[order], edges) if len(batch)]
        return [batches[i] for i in random.permutation(len(batches))]

    def _draw(
        self, random: np.random.Generator
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """An epoch's rows by stratum, non-orders subsampled, and how often each row comes."""
        orders, others = np.flatnonzero(self.label == 1), np.flatnonzero(self.label != 1)
        kept = random.choice(others, self.plan.negatives, replace=False)
        passes = self._passes(len(orders), random)
        parts = (kept, np.ones(len(kept), np.int64)), (orders[passes > 0], passes[passes > 0])
        return [
            (rows[inside], times[inside])
            for rows, times in parts
            for value in np.unique(self.stratum[rows])
            for inside in [self.stratum[rows] == value]
        ]

    def _passes(self, orders: int, random: np.random.Generator) -> NDArray[np.int64]:
        """[orders] how often each order comes in this epoch; where not all alike, by chance."""
        passes, drawn = self.plan.passes, self.plan.orders
        if drawn == passes * orders:
            return np.full(orders, passes)
        pool = np.repeat(np.arange(orders), passes)
        return np.bincount(random.choice(pool, drawn, replace=False), minlength=orders)

    def _by_length(
        self, rows: NDArray[np.int64], times: NDArray[np.int64], random: np.random.Generator
    ) -> "_Stratum":
        """Each row `times` times, shortest first by its jittered length."""
        length = self.length[rows] * np.exp(random.normal(0.0, self.length_jitter, len(rows)))
        order = np.argsort(length, kind="stable")
        each = times[order]
        return _Stratum(
            np.repeat(rows[order], each),
            np.repeat(length[order], each),
            random.random(),
            int(times.max()),
        )

    def _deal(self, strata: list["_Stratum"]) -> list[NDArray[np.int64]]:
        """The batch of each stratum's rows: their place by length, spread out.

        A stratum's share of a batch lies between an even one and that of its rows among all
        rows of like length, `stage_balance` of the way to the even one.
        """
        batches, balance = self.plan.num_batches, self.stage_balance
        if balance < 1:
            lengths = np.concatenate([stratum.length for stratum in strata])
            rank = np.empty(len(lengths), np.int64)
            rank[np.argsort(lengths, kind="stable")] = np.arange(len(lengths))
            ends = np.cumsum([len(stratum.rows) for stratum in strata])[:-1]
            alike = np.split(rank * batches // len(lengths), ends)
        dealt = []
        for number, (rows, _, phase, copies) in enumerate(strata):
            if balance < 1:
                share = np.bincount(alike[number], minlength=batches) * (1 - balance)
                filled = np.cumsum(share + balance * len(rows) / batches)
                place = np.searchsorted(filled, np.arange(len(rows)) + phase, side="right")
                place = np.minimum(place, batches - 1)
            else:
                share = (np.arange(len(rows)) + phase) / len(rows)
                place = (share * batches).astype(np.int64)
            dealt.append(_spread(place, copies, batches))
        return dealt


class _Stratum(NamedTuple):
    """Rows to be dealt, shortest first: their lengths, where dealing begins, most copies."""

    rows: NDArray[np.int64]
    length: NDArray[np.float64]
    phase: float
    copies: int


def _spread(place: NDArray[np.int64], copies: int, num_batches: int) -> NDArray[np.int64]:
    """Deals neighbouring slots in turn to the batches of a window at least `copies` wide.

    `place` [slots], ascending, is the batch that the lengths alone would give. A window keeps
    all its slots, so batches stay even; `copies` slots in a row are in different batches then,
    unless there are fewer batches than copies.
    """
    windows = max(1, num_batches // copies)
    edges = np.arange(windows + 1) * num_batches // windows
    window = np.searchsorted(edges, place, side="right") - 1
    turn = np.arange(len(place)) - np.searchsorted(place, edges[window])
    return edges[window] + turn % (edges[window + 1] - edges[window])
