"""Callbacks of a run: the probe that starts the head, and the metrics of each validation."""

from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from scipy.sparse import csr_matrix
from torch import Tensor

from leadrank.model.crosses import NO_CROSSES
from leadrank.model.frozen import compute_frozen
from leadrank.model.funnel_probe import Sides
from leadrank.model.kept_probe import kept_probe
from leadrank.model.probe import Probe
from leadrank.model.ranker import LeadRanker
from leadrank.model.wide import WideBranch
from leadrank.preference import paired_difference, tier_sides
from leadrank.training.data import LeadDataModule
from leadrank.training.metric import RankingMetric

#: What `ranking_metrics` gives beside figures: counts and remarks, not worth a curve.
NOT_LOGGED = ("n", "positives")
CHOSEN_BY = "average_precision"
#: A 95 % interval is so many standard errors wide.
ERRORS_IN_95 = 3.92


class StartFromProbe(Callback):
    """Fits the probe on frozen features and starts the head as it.

    Afterwards `probe`, `text_free` (the same without text) and `words` (with the text's n-grams
    alone) are the probes fitted on labels alone, `scores[name]` the logits of every row of the
    table, `name` the start's, `start` that probe and `wide` its n-grams. With
    `start: funnel_probe` there may be one more; a head that starts at random is held against
    the probe.
    """

    probe: Probe
    start: Probe
    name: str
    text_free: Probe
    words: Probe
    wide: WideBranch | None

    def __init__(self) -> None:
        self.scores: dict[str, np.ndarray] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Runs before the first step; a resumed run keeps the weights that it was given."""
        ranker, data = _ours(trainer, pl_module)
        frozen = compute_frozen(
            ranker.model.encoder,
            data.rows,
            data.used_positions(),
            max_tokens=data.scoring_tokens,
            together=True,
            kept_as=data.states,
        )
        data.rows.frozen = frozen
        text = frozen.vectors()
        fields = data.rows.fields.numpy()
        read = fields if ranker.head_settings.fields else fields[:, :0]
        ngrams = data.ngrams.encode(data.table.rows)
        none, wide = ngrams[:, :0], ngrams if ranker.head_settings.wide else ngrams[:, :0]
        # Every rank must start as the same probe, also one whose libraries round otherwise.
        agreed = trainer.strategy.broadcast
        self.text_free = fit_on_train(data, text[:, :0], fields, none)
        self.words = fit_on_train(data, text[:, :0], fields, ngrams)
        self.probe = agreed(fit_on_train(data, text, read, wide))
        self.start, self.name = self.probe, "probe"
        self.scores = {
            "probe": self.probe.score(text, read, wide),
            "text_free": self.text_free.score(text[:, :0], fields, none),
            "words": self.words.score(text[:, :0], fields, ngrams),
        }
        if ranker.head_settings.start == "funnel_probe":
            self.start, taught = agreed(taught_on_train(data, text, read, wide))
            if taught:
                self.name = "funnel_probe"
                self.scores[self.name] = self.start.score(text, read, wide)
        self.wide = None
        if self.start.ngram_weight.any():
            self.wide = WideBranch(data.ngrams, self.start.ngram_weight)
            data.rows.wide = torch.from_numpy(self.wide.score(data.table.rows))
        if trainer.ckpt_path is None and ranker.head_settings.start != "random":
            ranker.model.head.start_from(self.start)


def taught_on_train(
    data: LeadDataModule, text: np.ndarray, fields: np.ndarray, ngrams: csr_matrix
) -> tuple[Probe, bool]:
    """The probe that the tiers have taught as well and true, or the labels' own and false.

    The labels' own where no tier helps, and where it has the higher average precision on
    validation by more than a standard error of the difference, drawn over leads: what held
    between the orders of the training days may not hold later, and few orders on validation
    cannot tell.
    """
    inputs = text, fields, ngrams
    alone = fit_on_train(data, *inputs)
    taught = _fit_on_train(data, *inputs, sides=_sides(data))
    if not np.isfinite(taught.penalties.tiers):
        return alone, False
    rows = data.positions("validation")
    of_taught, of_alone = (
        torch.from_numpy(probe.score(text[rows], fields[rows], ngrams[rows])).double()
        for probe in (taught, alone)
    )
    label, weight = data.rows.label[rows].long(), data.rows.weight[rows].double()
    gap = paired_difference(of_taught, of_alone, label, weight, data.rows.lead[rows])[CHOSEN_BY]
    if gap.difference < -(gap.high - gap.low) / ERRORS_IN_95:
        return alone, False
    return taught, True


def fit_on_train(
    data: LeadDataModule, text: np.ndarray, fields: np.ndarray, ngrams: csr_matrix
) -> Probe:
    """The probe of the rows that train, of inputs [rows ...] of the whole table."""
    return _fit_on_train(data, text, fields, ngrams)


def _fit_on_train(
    data: LeadDataModule,
    text: np.ndarray,
    fields: np.ndarray,
    ngrams: csr_matrix,
    **taught: Any,
) -> Probe:
    train = data.positions("train")
    columns = (data.rows.label, data.rows.weight, data.rows.lead)
    label, weight, lead = (column.numpy()[train] for column in columns)
    crosses = data.field_features.cross_columns() if fields.shape[1] else NO_CROSSES
    fit_on = (text[train], fields[train], crosses, label, weight, lead)
    return kept_probe(*fit_on, ngrams=ngrams[train], read_text=data.crm.has_text, **taught)


def _sides(data: LeadDataModule) -> list[Sides]:
    """Of each tier that counts, among the rows that train."""
    rows, train = data.rows, data.positions("train")
    found = tier_sides(
        rows.stage[train],
        rows.stage_known[train],
        rows.lost[train],
        tiers=[tier for tier in data.tiers if tier.weight],
        signal=rows.signal[train],
        signal_known=rows.signal_known[train],
    )
    return [Sides(wins.numpy(), loses.numpy()) for wins, loses in found]


class TrackMetrics(Callback):
    """Measures each validation exactly, over all devices, and logs it as `val/NAME`."""

    def __init__(self) -> None:
        self.metric = RankingMetric()

    def on_validation_epoch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> None:
        """Starts afresh."""
        _, data = _ours(trainer, pl_module)
        metric = RankingMetric(count_repeats=data.count_repeats)
        self.metric = metric.to(pl_module.device)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: dict[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Adds the scores that `validation_step` gave."""
        _, data = _ours(trainer, pl_module)
        self.metric.update(
            batch["row_id"],
            outputs,
            batch["label"],
            batch["weight"],
            batch["stage"],
            batch["stage_known"],
            batch["group"] if data.has_groups else None,
            batch["group_known"],
        )

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Logs the figures; every rank has the same ones."""
        for name, value in self.metric.compute().items():
            if isinstance(value, float) and name not in NOT_LOGGED:
                pl_module.log(
                    f"val/{name}", value, prog_bar=name in ("auc", "average_precision")
                )


def _ours(
    trainer: L.Trainer, pl_module: L.LightningModule
) -> tuple[LeadRanker, LeadDataModule]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(pl_module, LeadRanker)
    assert isinstance(data, LeadDataModule)
    return pl_module, data
