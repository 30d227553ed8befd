"""Which leads make a batch: lengths alike, every stage in every batch, rare orders spread.

Rows of each stratum (label, stage, lost) are sorted by length and dealt over the batches, in
part evenly, in part to the batch of their length: one rule buckets the lengths and keeps some
of every stage in all batches. A row that is drawn several times goes to as many neighbouring
batches. What is given up: batches of one epoch differ in length and in their mix of stages, so
their order is shuffled, and lengths are jittered by epoch to change a lead's mates. Pairs are
of leads whose texts are about as long: what length says of an order is left to the labels.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
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
        stage_balance: share of each stage that is dealt evenly over the batches, whatever its
            lengths; the rest goes to the batch of its length. 1 makes batches alike in their
            stages, less saves padding. Orders enough for `orders_per_batch` are dealt evenly
            whatever it says, and a row a batch of every stage that has so many.
        length_jitter: lengths are multiplied by chance, exp(N(0, length_jitter)), before they
            are sorted, which changes a lead's mates by epoch; more of it costs padding.
    """

    batch_size: int = 32
    orders_per_batch: int = 2
    negatives_per_order: float | None = None
    order_copies: int | None = None
    stage_balance: float = 0.25
    length_jitter: float = 0.02

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
        self.length, self.label = length, label
        self.plan = plan_epoch(label, settings)
        self.strata, self.code = np.unique(stratum, return_inverse=True)
        self.is_order = np.bincount(self.code, weights=label) > 0
        self.orders_per_batch = settings.orders_per_batch
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
        times = self._times(random)
        rows = np.flatnonzero(times)
        length = self.length[rows] * np.exp(random.normal(0.0, self.length_jitter, len(rows)))
        # Whole numbers are sorted by their digits, four times as fast; a token has 4,096 parts.
        parts = torch.from_numpy((length * 4096).astype(np.int32))
        rows = rows[parts.argsort(stable=True).numpy()]
        rows = np.repeat(rows, times[rows])
        place = self._deal(rows, times, random)
        rows = rows[np.argsort(place, kind="stable")]
        ends = np.cumsum(np.bincount(place)).tolist()
        edges = [(a, b) for a, b in itertools.pairwise([0, *ends]) if a < b]
        return [rows[edges[i][0] : edges[i][1]] for i in random.permutation(len(edges))]

    def _times(self, random: np.random.Generator) -> NDArray[np.int64]:
        """[rows] how often each row comes in this epoch; where not all alike, by chance."""
        orders, others = np.flatnonzero(self.label == 1), np.flatnonzero(self.label != 1)
        times = np.zeros(len(self.label), np.int64)
        drawn, passes, kept = self.plan.orders, self.plan.passes, self.plan.negatives
        times[random.choice(others, kept, replace=False) if kept < len(others) else others] = 1
        times[orders] = passes
        if drawn < passes * len(orders):
            pool = random.choice(np.repeat(orders, passes), drawn, replace=False)
            times[orders] = np.bincount(pool, minlength=len(times))[orders]
        return times

    def _deal(
        self, rows: NDArray[np.int64], times: NDArray[np.int64], random: np.random.Generator
    ) -> NDArray[np.int64]:
        """The batch of each of these rows, which come shortest first.

        A stratum's share of a batch lies between an even one and that of its rows among all
        rows of like length, `_evenness` of the way to the even one; so batches are of a size.
        """
        batches, code = self.plan.num_batches, self.code[rows]
        count = np.bincount(code, minlength=len(self.strata))
        even = self._evenness(count)
        by_length = np.cumsum((1 - even)[code])
        alike = by_length * (batches / max(by_length[-1], 1e-9))
        alike = np.minimum(alike.astype(np.int64), batches - 1)
        place = np.empty(len(rows), np.int64)
        for number in np.flatnonzero(count):
            inside = np.flatnonzero(code == number)
            share = np.cumsum(np.bincount(alike[inside], minlength=batches))
            evenly = np.arange(1, batches + 1) * (len(inside) / batches)
            filled = (1 - even[number]) * share + even[number] * evenly
            # Row i goes where `filled` passes i and a phase, which is left to chance.
            ends = np.ceil(filled - random.random()).clip(0, len(inside)).astype(np.int64)
            ends[-1] = len(inside)
            dealt = np.repeat(np.arange(batches), np.diff(ends, prepend=0))
            place[inside] = _spread(dealt, int(times[rows[inside]].max()), batches)
        return place

    def _evenness(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """[strata] what part of each stratum is dealt evenly: `stage_balance` of it or more.

        More where a batch would not be sure of its orders or of one row of the stratum. Rows
        that are scarcer than batches go by their length.
        """
        share = count / self.plan.num_batches
        of_orders = self.orders_per_batch * count / max(1, count[self.is_order].sum())
        sure = np.where(self.is_order, of_orders, share >= 1)
        return np.clip(sure / np.maximum(share, 1e-9), self.stage_balance, 1.0)


def _spread(place: NDArray[np.int64], copies: int, num_batches: int) -> NDArray[np.int64]:
    """Deals neighbouring slots in turn to the batches of a window at least `copies` wide.

    `place` [slots], ascending, is the batch that the lengths alone would give. A window keeps
    all its slots, so batches stay even; `copies` slots in a row are in different batches then,
    unless there are fewer batches than copies.
    """
    if copies == 1:
        return place
    windows = max(1, num_batches // copies)
    edges = np.arange(windows + 1) * num_batches // windows
    window = np.searchsorted(edges, place, side="right") - 1
    turn = np.arange(len(place)) - np.searchsorted(place, edges[window])
    return edges[window] + turn % (edges[window + 1] - edges[window])
