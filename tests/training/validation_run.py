"""Trains at a learning rate of 0 and validates, on one process or on two.

`python validation_run.py CRM ROOT OUT` does it on two, and writes what each rank measured.
"""

import json
import sys
from pathlib import Path
from typing import Any

import lightning as L

from leadrank import LeadDataModule, LeadRanker
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.schedule import OptimiserSettings
from leadrank.text import PromptTemplate
from leadrank.training.callbacks import StartFromProbe, TrackMetrics
from leadrank.training.sampler import SamplerSettings


def measure(crm: Path, root: Path, devices: int) -> tuple[dict[str, float], dict[str, int]]:
    """This rank's metrics, and how many ranks and batches of its own there were."""
    L.seed_everything(0, verbose=False)
    data = LeadDataModule(
        str(crm),
        str(root),
        prompt=PromptTemplate(max_tokens=64),
        sampler=SamplerSettings(batch_size=8),
        scoring_tokens=100,
        max_rows=61,
    )
    still = OptimiserSettings(head_rate=0.0, adapter_rate=0.0)
    ranker = LeadRanker(EncoderSettings(layers=2, adapt_from=1), optimiser=still)
    trainer = _trainer(devices)
    trainer.fit(ranker, datamodule=data)
    found = {name: float(value) for name, value in trainer.callback_metrics.items()}
    batches = len(data.val_dataloader())
    return found, {
        "world_size": trainer.world_size,
        "batches": batches,
        "rank": trainer.global_rank,
    }


def _trainer(devices: int) -> L.Trainer:
    off: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    return L.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_epochs=1,
        limit_train_batches=2,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        callbacks=[StartFromProbe(), TrackMetrics()],
        **off,
    )


if __name__ == "__main__":
    measured, counts = measure(Path(sys.argv[1]), Path(sys.argv[2]), devices=2)
    file = Path(sys.argv[3]) / f"{counts['rank']}.json"
    file.write_text(json.dumps([measured, counts]), "utf-8")
