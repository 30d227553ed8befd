"""A study with fewer orders to learn from, and what all trials on it share."""

import contextlib
import copy
import io
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from leadrank.compare.hidden import data_over
from leadrank.compare.study import Study
from leadrank.funnel import LeadTable
from leadrank.model.head import Start
from leadrank.model.probe import Probe
from leadrank.model.wide import WideBranch
from leadrank.training.callbacks import start_on_train
from leadrank.training.data import LeadDataModule
from leadrank.training.sampler import SamplerSettings

#: Batches are larger than a run's, so that a trial takes seconds; as many of them are orders.
BATCH, ORDERS = 256, 16
#: Fewer kept orders than this teach nothing.
LEAST_ORDERS = 2


@dataclass(frozen=True)
class Started:
    """A probe that heads start as, and what its n-grams add to each row [rows]."""

    probe: Probe
    wide: torch.Tensor


@dataclass(frozen=True)
class Scarce:
    """A study's data with a share of its training orders; probes are fitted when asked for."""

    data: LeadDataModule
    vectors: NDArray[np.float32]
    orders: int
    known: dict[str, Started] = field(default_factory=dict)

    def started(self, start: Start) -> Started:
        """The probe fitted on these orders; one that the funnel taught where that is asked."""
        name: Start = "funnel_probe" if start == "funnel_probe" else "probe"
        if name not in self.known:
            data = self.data
            fields, ngrams = data.rows.fields.numpy(), data.ngrams.encode(data.table.rows)
            probe, _ = start_on_train(data, self.vectors, fields, ngrams, start=name)
            wide = WideBranch(data.ngrams, probe.ngram_weight)
            self.known[name] = Started(probe, torch.from_numpy(wide.score(data.table.rows)))
        return self.known[name]


def keep_orders(table: LeadTable, share: float, seed: int) -> LeadTable:
    """The table without the other training rows of leads that order; these are in no part.

    Leads that order in a training row are shuffled by the seed, and the first
    `max(2, round(share * count))` are kept: so the kept ones of a smaller share are among those
    of a larger one. Leads without an order stay, with all that is known of their stages.

    Args:
        table: the lead table.
        share: of the ordering leads, in (0, 1].
        seed: which of them.
    """
    rows = table.rows
    train = (pl.col("part") == "train").fill_null(False)
    ordering = rows.filter(train & (pl.col("label") == 1))["lead_id"].unique().sort()
    shuffled = ordering[np.random.default_rng(seed).permutation(len(ordering))]
    dropped = shuffled[max(LEAST_ORDERS, round(share * len(ordering))) :]
    gone = train & pl.col("lead_id").is_in(dropped.implode())
    part = pl.when(~gone).then(pl.col("part")).alias("part")
    return replace(table, rows=rows.with_columns(part))


def scarce(study: Study, share: float, seed: int) -> Scarce:
    """A study's data with a share of its orders; the frozen vectors are the study's own."""
    table = keep_orders(study.table, share, seed)
    data = data_over(study.data, table)
    data.sampler = SamplerSettings(batch_size=BATCH, orders_per_batch=ORDERS)
    # Templates and vectors are of inputs alone, so they stay as they were for all orders.
    data.tokens, frozen = study.trunk.read(study.data, study.encoder)
    with contextlib.redirect_stdout(io.StringIO()):
        data.setup("fit")
    data.rows.frozen = frozen
    orders = int(data.rows.label.numpy()[data.positions("train")].sum())
    return Scarce(data, frozen.vectors(), orders)


def with_preference(data: LeadDataModule, preference: object) -> LeadDataModule:
    """The same data with other tiers; rows and their weights are shared."""
    other = copy.copy(data)
    other.__dict__.pop("tiers", None)
    other.preference = preference  # type: ignore[assignment]
    return other


def labels(data: LeadDataModule, part: str) -> tuple[NDArray[np.int64], torch.Tensor]:
    """Positions of a part's rows, and their labels and weights [2 n]."""
    rows = data.positions(part)
    return rows, torch.stack([data.rows.label[rows], data.rows.weight[rows]]).double()
