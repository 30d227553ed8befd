"""Experiment files as settings of a head on frozen vectors, on the comparison's own terms."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentError
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser

from leadrank.compare.deciding import values_of
from leadrank.compare.hidden import data_over
from leadrank.compare.study import Study
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.model.ranker import LeadRanker
from leadrank.preference.settings import PreferenceSettings
from leadrank.training.data import LeadDataModule


@dataclass(frozen=True)
class Preset:
    """An experiment: the ranker's settings, the data's, and the trainer's that matter here."""

    ranker: LeadRanker
    data: LeadDataModule
    clip: float | None
    patience: int

    def ranker_at(self, head_rate: float) -> LeadRanker:
        """A new ranker of these settings, its head learning at this rate."""
        ranker = self.ranker
        return LeadRanker(
            ranker.encoder_settings,
            ranker.head_settings,
            ranker.preference,
            ranker.loss_settings,
            replace(ranker.optimiser_settings, head_rate=head_rate),
        )


def experiment_files(folder: Path, name: str | None) -> list[Path]:
    """The base experiment, and `name` on top of it; UserError where one is not there."""
    files = [folder / f"{one}.yaml" for one in ("base", name) if one]
    for file in files:
        if not file.is_file():
            known = sorted(one.stem for one in folder.glob("*.yaml"))
            raise UserError(
                f"{file}: no such experiment{nearest(file.stem, known)} "
                f"(in {folder}: {', '.join(known) or 'none'}); give --exp or --experiments"
            )
    return files


def read_experiment(files: list[Path], words: list[str]) -> Preset:
    """Experiment files layered in order, then flags; UserError where they do not fit."""
    parser = _parser()
    layers = [f"--config={file}" for file in files]
    try:
        config = parser.parse_args([*layers, *words])
    except ArgumentError as error:
        raise UserError(f"{files[-1]}: {error}") from None
    ready = parser.instantiate_classes(config)
    return Preset(
        ready.model, ready.data, config.trainer.gradient_clip_val, int(config.patience)
    )


def load_preset(study: Study, name: str) -> Preset:
    """The experiment `name` on a study's table and frozen trunk.

    Every preset gets the study's base, layers and longest prompt. On frozen vectors there is
    nothing for adapters or the Yes/No answer to train, so both are off; rates follow the run's
    own steps in all. UserError where there is no such file.
    """
    encoder, data = study.encoder, study.data
    words = [
        f"--model.encoder.base={encoder.base}",
        f"--model.encoder.layers={'null' if encoder.layers is None else encoder.layers}",
        f"--model.encoder.quantisation={encoder.quantisation}",
        "--model.encoder.adapt=none",
        "--model.loss.yes_no=0",
        # A warm-up of 4,000 steps on a small table would give a preset no tuning at all.
        "--model.optimiser.schedule=scaled",
        f"--data.crm={data.crm.path}",
        f"--data.root={data.root}",
        f"--data.prompt.max_tokens={data.prompt.max_tokens}",
    ]
    preset = read_experiment(experiment_files(study.experiments, name), words)
    return replace(preset, data=data_over(preset.data, study.table))


def settings_of(study: Study, name: str) -> dict[str, Any]:
    """What an experiment file decides of a preset's scores, for the record of a result."""
    preset = load_preset(study, name)
    ranker, data = preset.ranker, preset.data
    groups = {
        "encoder": ranker.encoder_settings,
        "head": ranker.head_settings,
        "preference": ranker.preference,
        "loss": ranker.loss_settings,
        # Its own rate of the head gives way to those that are tried.
        "optimiser": replace(ranker.optimiser_settings, head_rate=0.0),
        "prompt": data.prompt,
        "sampler": data.sampler,
    }
    found: dict[str, Any] = {group: values_of(one) for group, one in groups.items()}
    found |= {"max_epochs": study.max_epochs, "maturity": ranker.preference.maturity}
    return found | {"patience": preset.patience, "clip": preset.clip}


def _parser() -> LightningArgumentParser:
    """The parser of `leadrank fit`, without its loggers and callbacks."""
    parser = LightningArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action=ActionConfigFile)
    parser.add_lightning_class_args(LeadRanker, "model")
    parser.add_lightning_class_args(LeadDataModule, "data")
    parser.add_lightning_class_args(Trainer, "trainer")
    for name, kind in (("seed_everything", int), ("runs", str), ("wandb", dict)):
        parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--patience", type=int, default=3)
    parser.link_arguments("model.encoder.base", "data.base")
    for setting in fields(PreferenceSettings):
        name = f"preference.{setting.name}"
        parser.link_arguments(f"model.{name}", f"data.{name}")
    return parser
