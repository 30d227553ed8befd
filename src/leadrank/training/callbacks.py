"""Callbacks of a run: the probe that starts the head, and the metrics of each validation."""

from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from scipy.sparse import csr_matrix
from torch import Tensor

from leadrank.model.frozen import compute_frozen
from leadrank.model.head import Start
from leadrank.model.probe import Probe
from leadrank.model.ranker import LeadRanker
from leadrank.model.wide import WideBranch
from leadrank.training.choice import gain_on_validation
from leadrank.training.data import LeadDataModule
from leadrank.training.metric import RankingMetric
from leadrank.training.probes import fit_on_train

#: What `ranking_metrics` gives beside figures: counts and remarks, not worth a curve.
NOT_LOGGED = ("n", "positives")
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
        text, settings = frozen.vectors(), ranker.head_settings
        fields, ngrams = data.rows.fields.numpy(), data.ngrams.encode(data.table.rows)
        read = fields if settings.fields else fields[:, :0]
        inputs = text, read, ngrams if settings.wide else ngrams[:, :0]
        no_text = text[:, :0], fields, ngrams[:, :0]
        only_words = text[:, :0], fields, ngrams
        self.text_free = fit_on_train(data, *no_text)
        self.words = fit_on_train(data, *only_words)
        # Every rank must start as the same probe, also one whose libraries round otherwise.
        agreed = trainer.strategy.broadcast
        self.start, taught = agreed(start_on_train(data, *inputs, start=settings.start))
        self.probe = agreed(fit_on_train(data, *inputs)) if taught else self.start
        self.name = "funnel_probe" if taught else "probe"
        self.scores = {
            "probe": self.probe.score(*inputs),
            "text_free": self.text_free.score(*no_text),
            "words": self.words.score(*only_words),
        }
        if taught:
            self.scores[self.name] = self.start.score(*inputs)
        self.wide = None
        if self.start.ngram_weight.any():
            self.wide = WideBranch(data.ngrams, self.start.ngram_weight)
            data.rows.wide = torch.from_numpy(self.wide.score(data.table.rows))
        if trainer.ckpt_path is None and settings.start != "random":
            ranker.model.head.start_from(self.start)


def start_on_train(
    data: LeadDataModule,
    text: np.ndarray,
    fields: np.ndarray,
    ngrams: csr_matrix,
    *,
    start: Start,
) -> tuple[Probe, bool]:
    """The probe that a head with this `start` begins as, and whether the tiers have taught it.

    The labels' own for `random`, which is held against it. Inputs [rows ...] are of the whole
    table.
    """
    if start == "funnel_probe":
        return taught_on_train(data, text, fields, ngrams)
    return fit_on_train(data, text, fields, ngrams), False


def taught_on_train(
    data: LeadDataModule, text: np.ndarray, fields: np.ndarray, ngrams: csr_matrix
) -> tuple[Probe, bool]:
    """The probe that the tiers have taught as well and true, or the labels' own and false.

    The labels' own where no tier helps, and where it has the higher AUC on validation by more
    than a standard error of the difference, drawn over leads: what held between the orders of
    the training days may not hold later, and few orders on validation cannot tell.
    """
    inputs = text, fields, ngrams
    alone = fit_on_train(data, *inputs)
    taught = fit_on_train(data, *inputs, alone=alone)
    if not np.isfinite(taught.penalties.tiers):
        return alone, False
    rows = data.positions("validation")
    of_taught, of_alone = (
        probe.score(text[rows], fields[rows], ngrams[rows]) for probe in (taught, alone)
    )
    gap = gain_on_validation(data, of_taught, of_alone)
    # Too few orders give no interval (NaN), and decide nothing.
    if gap.difference < -(gap.high - gap.low) / ERRORS_IN_95:
        return alone, False
    return taught, True


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
