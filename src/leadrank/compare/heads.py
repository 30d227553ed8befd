"""LLM systems on frozen vectors: a preset's head with the sampler, losses and metric of `fit`.

The trunk is read once a set of prompts, so a head trains in seconds and five seeds with a
search of the rate are affordable. What is given up: adapters, and with them the Yes/No answer;
a LoRA run is taken into a comparison by its run folder.
"""

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

from leadrank.compare.presets import HEAD_RATES, Preset, load_preset
from leadrank.compare.study import Scored, Study
from leadrank.model.probe import Probe
from leadrank.model.ranker import LeadRanker
from leadrank.model.wide import WideBranch
from leadrank.scoring.score import score_rows
from leadrank.training.callbacks import TrackMetrics, fit_on_train
from leadrank.training.data import LeadDataModule

MONITOR = "val/average_precision"
EXPECTED = (
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
    """A trained head: scores [rows], NaN on unread ones, and its best epoch's validation."""

    score: NDArray[np.float64]
    validation: float
    epoch: int
    rate: float


def fit_preset(study: Study, name: str, seed: int) -> Scored:
    """Trains the preset `name` on frozen vectors at the rate that seed 0 chose.

    The study remembers each seed, for a system that is stacked on this one.
    """
    key = f"heads/{name}"
    if key not in study.memory:
        head = ready(study, name)
        study.memory[key] = [fit_head(study, head, 0, rate) for rate in HEAD_RATES]
    tried = study.memory[key]
    best = max(tried, key=lambda fit: fit.validation)
    fits = study.memory.setdefault(f"{key}/seeds", {0: best})
    if seed not in fits:
        fits[seed] = fit_head(study, ready(study, name), seed, best.rate)
    return Scored(fits[seed].score, _chosen(tried, fits[seed]), logit=True)


def _chosen(tried: list[Fitted], fit: Fitted) -> dict[str, Any]:
    return {
        "head_rate": fit.rate,
        "validation_by_rate": {f"{one.rate:g}": round(one.validation, 4) for one in tried},
        "validation": round(fit.validation, 4),
        "best_epoch": fit.epoch,
    }


def ready(study: Study, name: str) -> Ready:
    """The preset `name` on a study, made ready once."""
    key = f"heads/{name}/ready"
    if key not in study.memory:
        study.memory[key] = _prepare(study, load_preset(study, name))
    return study.memory[key]


def _prepare(study: Study, preset: Preset) -> Ready:
    data, head = preset.data, preset.ranker.head_settings
    data.tokens, frozen = study.trunk.read(data, preset.ranker.encoder_settings)
    data.rows.frozen = frozen
    if head.start == "random" and not head.wide:
        return Ready(preset, data)
    with contextlib.redirect_stdout(io.StringIO()):
        data.setup("fit")  # what training rows weigh
    fields, ngrams = data.rows.fields.numpy(), data.ngrams.encode(data.table.rows)
    read = fields if head.fields else fields[:, :0]
    inputs = frozen.vectors(), read, ngrams if head.wide else ngrams[:, :0]
    probe = fit_on_train(data, *inputs)
    if probe.ngram_weight.any():
        wide = WideBranch(data.ngrams, probe.ngram_weight)
        data.rows.wide = torch.from_numpy(wide.score(data.table.rows))
    if head.start == "random":
        return Ready(preset, data)
    return Ready(preset, data, probe, probe.score(*inputs).astype(np.float64))


def fit_head(study: Study, head: Ready, seed: int, rate: float) -> Fitted:
    """Trains one head and scores validation and test with its best epoch's weights."""
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
    ranker.model.head.load_state_dict(best.state)
    rows = np.concatenate([data.positions(part) for part in ("validation", "test")])
    score = np.full(len(data.rows), np.nan)
    score[rows] = score_rows(ranker.model, data.rows, rows, max_tokens=data.scoring_tokens)
    return Fitted(score, best.value, best.epoch, rate)


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

    `state` are its weights, `value` its average precision, `epoch` counts from 1.
    """

    state: dict[str, Any]

    def __init__(self) -> None:
        self.value, self.epoch = -np.inf, 0

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
            for message in EXPECTED:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.setLevel(level)
