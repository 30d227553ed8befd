"""One training run from parsed settings to a finished folder, on one process or many."""

import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from leadrank.model.ranker import LeadRanker
from leadrank.training.callbacks import StartFromProbe, TrackMetrics
from leadrank.training.choice import MONITOR
from leadrank.training.data import LeadDataModule
from leadrank.training.finish import Trained, finish_run
from leadrank.training.run_folder import begin, end, git_commit


@dataclass(frozen=True)
class WandbSettings:
    """Weights & Biases beside the CSV log.

    Args:
        enabled: false logs to CSV alone.
        project: the project there.
    """

    enabled: bool = True
    project: str = "leadrank"


def loggers(runs: Path, name: str, wandb: WandbSettings) -> list[Logger]:
    """CSV first, whose folder is the run's; W&B beside it, offline without an account.

    They get ids and numbers, never a customer's text.
    """
    csv = CSVLogger(str(runs), name=name)
    if not wandb.enabled or os.environ.get("WANDB_MODE") == "disabled":
        return [csv]
    import wandb as wandb_library  # a second to load, and not every run wants it

    folder = Path(csv.log_dir)
    # Only rank 0 logs; the others would count its folder and make the next one.
    if _rank() == 0:
        folder.mkdir(parents=True, exist_ok=True)
    beside = WandbLogger(
        name=f"{name}/{folder.name}",
        project=wandb.project,
        save_dir=str(folder),
        mode="online" if _logged_in() else "offline",
        # Its own farewell would stand below the summary that a user reads.
        settings=wandb_library.Settings(silent=True),
    )
    return [csv, beside]


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best epoch also of a run that is resumed in a folder of its own.

    Lightning forgets the best score when the folder differs, and would take the first epoch
    after resuming for the best.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Brings the best checkpoint so far along."""
        best = Path(state_dict["best_model_path"])
        here = Path(str(self.dirpath))
        if best.is_file() and best.parent.resolve() != here.resolve():
            here.mkdir(parents=True, exist_ok=True)
            brought = str(here / best.name)
            if _rank() == 0:
                shutil.copyfile(best, brought)
            state_dict = {
                **state_dict,
                "dirpath": self.dirpath,
                "best_model_path": brought,
                "kth_best_model_path": brought,
                "last_model_path": "",
                "best_k_models": {brought: state_dict["best_model_score"]},
            }
        super().load_state_dict(state_dict)


def callbacks(folder: Path, patience: int) -> list[L.Callback]:
    """What every run has: the probe's start, exact metrics, checkpoints, early stopping."""
    return [
        StartFromProbe(),
        TrackMetrics(),
        BestCheckpoint(
            dirpath=folder / "checkpoints", filename="best", monitor=MONITOR, mode="max",
            save_last=True, enable_version_counter=False,
        ),
        EarlyStopping(MONITOR, mode="max", patience=patience),
        # The rich bar says nothing in a log file; in one, fewer lines are enough.
        TQDMProgressBar(refresh_rate=1 if sys.stderr.isatty() else 20),
    ]  # fmt: skip


def fit(
    trainer: L.Trainer,
    ranker: LeadRanker,
    data: LeadDataModule,
    *,
    experiment: str,
    command: str,
    seed: int,
    ckpt_path: str | None = None,
) -> Path:
    """Trains, chooses, measures and writes; returns the run's folder."""
    folder = Path(trainer.log_dir or ".")
    if trainer.is_global_zero:
        begin(folder)
        _say_what_was_left_out(data, folder)
    # Of the code that is loaded now, whatever is committed while it runs.
    git = git_commit()
    began = time.monotonic()
    trainer.fit(ranker, datamodule=data, ckpt_path=ckpt_path)
    seconds = time.monotonic() - began
    if not trainer.is_global_zero:
        return folder
    # Lightning moved it to the CPU when fit ended.
    ranker.to(trainer.strategy.root_device)
    start = next(c for c in trainer.callbacks if isinstance(c, StartFromProbe))  # type: ignore[attr-defined]
    _load_best(trainer, ranker)
    trained = Trained(
        ranker, data, start, experiment, command, git, seed, seconds, trainer.current_epoch
    )
    finish_run(folder, trained)
    end(folder)
    return folder


def _say_what_was_left_out(data: LeadDataModule, folder: Path) -> None:
    """Unusable rows go to quarantine.csv beside the run; cut prompts are counted."""
    quarantine = data.table.report.quarantine
    if not quarantine.is_empty():
        file = folder / "quarantine.csv"
        quarantine.write_csv(file)
        rows = quarantine["row_id"].n_unique()
        print(f"{rows:,} unusable rows are not trained on; {file} says why")
    print(fill(str(data.tokens.cuts), 80))


def _load_best(trainer: L.Trainer, ranker: LeadRanker) -> None:
    best = trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    if best:
        ranker.on_load_checkpoint(torch.load(best, map_location="cpu", weights_only=True))


def _rank() -> int:
    """Of this process, known before there is a trainer."""
    return getattr(rank_zero_only, "rank", 0)


def _logged_in() -> bool:
    """Whether W&B may be sent to: somebody is logged in here, and did not switch it off."""
    import wandb

    if os.environ.get("WANDB_MODE", "online") != "online":
        return False
    return wandb.login(prompt=False)
