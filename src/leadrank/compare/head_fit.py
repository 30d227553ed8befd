"""One preset's head, trained on frozen vectors with the sampler, losses and metric of `fit`."""

import contextlib
import copy
import io
import logging
import warnings
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from numpy.typing import NDArray

from leadrank.compare.presets import Preset
from leadrank.compare.study import Study
from leadrank.errors import UserError
from leadrank.model.probe import Probe
from leadrank.model.ranker import LeadRanker
from leadrank.preference.order_metrics import auc
from leadrank.scoring.score import score_rows
from leadrank.training.callbacks import TrackMetrics
from leadrank.training.choice import MONITOR, earns_its_keep
from leadrank.training.data import LeadDataModule

_EXPECTED = (
    "The number of training batches",
    "The '(train|val)_dataloader' does not have many workers",
    "GPU available but not used",  # heads are too small for one
    ".*treespec, LeafSpec",  # lightning 2.6 on torch 2.13
)


@dataclass(frozen=True)
class Ready:
    """A preset on a study: its data with vectors and wide scores, and the probe it starts as.

    The probe, and its logits [rows], are None where the head starts at random.
    """

    preset: Preset
    data: LeadDataModule
    probe: Probe | None = None
    probe_score: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained head: scores [rows], NaN on unread ones, its best epoch (0: its start) and the
    AUC on validation.
    """

    score: NDArray[np.float64]
    validation: float
    epoch: int
    rate: float


def fit_head(study: Study, head: Ready, seed: int, rate: float) -> Fitted:
    """Trains one head and scores validation and test with its best epoch's weights.

    A head that starts as a probe stays it, epoch 0, unless training was clearly better on
    validation, as in a run. UserError where no epoch has an AUC on validation.
    """
    L.seed_everything(seed, verbose=False)
    ranker, data, best = head.preset.ranker_at(rate), head.data, KeepBest()
    data.seed, data.trainer = seed, None
    start = [] if head.probe is None else [StartFrom(head.probe)]
    stop = EarlyStopping(MONITOR, patience=head.preset.patience, mode="max")
    with _quiet():
        trainer = L.Trainer(
            accelerator="cpu",
            max_epochs=study.max_epochs,
            callbacks=[*start, TrackMetrics(), best, stop],
            gradient_clip_val=head.preset.clip,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(ranker, datamodule=data)
    if best.state is None:
        raise UserError(
            "the AUC on validation is undefined after every epoch, so none can be chosen; "
            "expected orders and others that weigh more than 0 in the validation part: check "
            "the weights, or change the shares under `split` in the CRM file"
        )
    ranker.model.head.load_state_dict(best.state)
    rows = np.concatenate([data.positions(part) for part in ("validation", "test")])
    score = np.full(len(data.rows), np.nan)
    score[rows] = score_rows(ranker.model, data.rows, rows, max_tokens=data.scoring_tokens)
    return _kept(head, Fitted(score, best.value, best.epoch, rate))


def _kept(head: Ready, trained: Fitted) -> Fitted:
    """What was trained, or the start where that did not clearly gain."""
    if head.probe_score is None:
        return trained
    rows, start = head.data.positions("validation"), head.probe_score
    if earns_its_keep(head.data, trained.score[rows], start[rows]):
        return trained
    score = np.where(np.isnan(trained.score), np.nan, start)
    told = head.data.rows
    known = told.label[rows].double(), told.weight[rows].double()
    validation = float(auc(torch.from_numpy(start[rows]), *known))
    return Fitted(score, validation, 0, trained.rate)


class StartFrom(Callback):
    """Starts the head as a probe that is fitted already."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Runs before the first step."""
        assert isinstance(pl_module, LeadRanker)
        pl_module.model.head.start_from(self.probe)


class KeepBest(Callback):
    """Keeps the head of the epoch with the best validation, in memory.

    `state` are its weights, None while no epoch has an AUC; `value` is that, and `epoch` counts
    from 1.
    """

    def __init__(self) -> None:
        self.value, self.epoch = -np.inf, 0
        self.state: dict[str, Any] | None = None

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compares the epoch that ended with the best so far."""
        assert isinstance(pl_module, LeadRanker)
        value = float(trainer.callback_metrics[MONITOR])
        if value > self.value:
            self.value, self.epoch = value, trainer.current_epoch + 1
            self.state = copy.deepcopy(pl_module.model.head.state_dict())


@contextlib.contextmanager
def _quiet() -> Any:
    """Hides what Lightning says of each of many small trainings."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            for message in _EXPECTED:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.setLevel(level)
