"""`leadrank fit`: LightningCLI's flags and files over `experiments/base.yaml`."""

import logging
import os
import re
import shlex
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from leadrank.errors import UserError
from leadrank.evaluation.summary import summary
from leadrank.funnel.nearest import nearest
from leadrank.model.ranker import LeadRanker
from leadrank.preference.settings import PreferenceSettings
from leadrank.scoring.call_list import format_call_list
from leadrank.training.data import LeadDataModule
from leadrank.training.fit import WandbSettings, callbacks, fit, loggers
from leadrank.training.run_folder import load_run

BASE = "base.yaml"
#: `--smoke`: seconds instead of minutes, whatever the experiment.
SMOKE = (
    "--model.encoder.layers=2",
    "--model.encoder.adapt_from=1",
    "--data.max_rows=64",
    "--data.sampler.batch_size=8",
    "--data.prompt.max_tokens=64",
    "--trainer.max_epochs=1",
)
#: How jsonargparse speaks of a key that it does not know, in a group or at the top.
UNKNOWN_KEY = re.compile(
    r"(?:Group '([\w.]+)' does not accept option|unrecognized arguments:|Option)"
    r" '?(?:--)?([\w.]+)"
)
USAGE = (
    "leadrank fit --config experiments/EXP.yaml --data.crm experiments/data/DATA.yaml; "
    "leadrank fit --help lists every setting"
)


def run_fit(words: list[str]) -> int:
    """Trains one experiment and prints how it went."""
    _quieten()
    smoke = SMOKE if "--smoke" in words else ()
    given = [word for word in words if word != "--smoke"]
    experiment = _experiment(given)
    base = _base(experiment)
    # Only `--help` gets here without a base: its defaults are those of the code then.
    files = ["--config", str(base)] if base.is_file() else []
    cli = _parse([*files, *given, *smoke], experiment.stem)
    _check_checkpoint(cli.config.ckpt_path)
    folder = fit(
        cli.trainer,
        cli.model,
        cli.datamodule,
        experiment=experiment.stem,
        command=shlex.join(["leadrank", "fit", *words]),
        seed=int(cli.config.seed_everything),
        ckpt_path=cli.config.ckpt_path,
    )
    if cli.trainer.is_global_zero:
        run = load_run(folder)
        calls = format_call_list(run.call_list())
        print(summary(run.metrics, calls, run=str(folder), paired=run.metrics["paired"]))
    return 0


def _quieten() -> None:
    """Hides what is meant or is not ours, so that what a user should read can be seen."""
    # Tips and the list of accelerators; the run's own files say which device it was.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    expected = (
        "Experiment logs directory .* exists",  # the run's own mark lies there already
        ".*treespec, LeafSpec",  # lightning 2.6 on torch 2.13
        "The number of training batches",  # a smoke run is that small
        "GPU available but not used",  # asked for the CPU, or Apple's, which we cannot use
        "The '(train|val)_dataloader' does not have many workers",  # tokens are ready on disk
    )
    for message in expected:
        warnings.filterwarnings("ignore", message)


class _FitCLI(LightningCLI):
    """LightningCLI with one place for each setting, and the run's own loggers and callbacks."""

    experiment = ""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Settings that belong to neither model, data nor trainer, and the links."""
        _add_run_arguments(parser)
        parser.link_arguments("model.encoder.base", "data.base")
        for field in fields(PreferenceSettings):
            name = f"preference.{field.name}"
            parser.link_arguments(f"model.{name}", f"data.{name}")
        parser.link_arguments("seed_everything", "data.seed")

    def before_instantiate_classes(self) -> None:
        """Refuses what a run cannot be, before anything is loaded."""
        _check_it_leaves_a_run(self.config.trainer)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The run's loggers and callbacks first, then those that the user's files add."""
        ready, config = self.config_init, self.config
        name = f"{self.experiment}-{ready.data.crm.name}"
        logs = loggers(Path(config.runs), name, WandbSettings(**vars(config.wandb)))
        own = callbacks(Path(logs[0].log_dir or "."), config.patience)
        if ready.trainer.accelerator == "auto":
            # Apple's GPU, which auto would take, knows neither 4 bit nor float64.
            kwargs["accelerator"] = "gpu" if torch.cuda.is_available() else "cpu"
        kwargs["logger"] = [*logs, *_listed(ready.trainer.logger)]
        kwargs["callbacks"] = [*own, *_listed(ready.trainer.callbacks)]
        return super().instantiate_trainer(**kwargs)


def _add_run_arguments(parser: LightningArgumentParser) -> None:
    parser.add_argument("--runs", default="runs", help="folder of all runs")
    parser.add_argument("--patience", default=3, type=int, help="epochs without gain")
    parser.add_argument("--ckpt_path", default=None, type=str | None, help="resume from")
    parser.add_class_arguments(WandbSettings, "wandb")


def _listed(value: Any) -> list[Any]:
    """Loggers or callbacks of a file: one, several, or none (null, true, false)."""
    if value is None or isinstance(value, bool):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _parse(words: list[str], experiment: str) -> LightningCLI:
    cli = type("FitCLI", (_FitCLI,), {"experiment": experiment})
    with warnings.catch_warnings():
        # It warns of a parser that reads a list of words beside sys.argv, as this one does.
        warnings.filterwarnings("ignore", "LightningCLI's args parameter")
        try:
            return cli(
                LeadRanker,
                LeadDataModule,
                run=False,
                args=words,
                seed_everything_default=0,
                # A shortened flag is a typo like any other.
                parser_kwargs={
                    "prog": "leadrank fit",
                    "exit_on_error": False,
                    "allow_abbrev": False,
                },
            )
        except ArgumentError as error:
            raise UserError(_helpful(str(error))) from None


def _experiment(words: list[str]) -> Path:
    """The last file after `--config`: it names the run, and its folder holds the base."""
    files = [words[i + 1] for i, w in enumerate(words[:-1]) if w in ("--config", "-c")]
    files += [w.partition("=")[2] for w in words if w.startswith("--config=")]
    if not files:
        if "--help" in words or "-h" in words:
            return Path("experiments") / "help.yaml"
        raise UserError(f"fit: no --config; say {USAGE}")
    experiment = Path(files[-1])
    if not experiment.is_file():
        known = sorted(p.stem for p in experiment.parent.glob("*.yaml") if p.name != BASE)
        raise UserError(
            f"{experiment}: no such experiment{nearest(experiment.stem, known)} "
            f"(in {experiment.parent}: {', '.join(known) or 'none'})"
        )
    _check_utf8(files)
    return experiment


def _base(experiment: Path) -> Path:
    """The base that lies beside an experiment."""
    base = experiment.with_name(BASE)
    if not base.is_file() and experiment.is_file():
        raise UserError(
            f"{experiment}: an experiment lies beside the {BASE} that it differs from; copy "
            f"leadrank's experiments/{BASE} to {experiment.parent}"
        )
    return base


def _check_checkpoint(path: str | None) -> None:
    if path is not None and not Path(path).is_file():
        raise UserError(
            f"--ckpt_path {path}: no such file; a run's own are in its folder checkpoints/"
        )


def _check_it_leaves_a_run(trainer: Any) -> None:
    """Without loggers there is no run folder, and files would land in the current one."""
    for name in ("fast_dev_run", "barebones"):
        if value := trainer[name]:
            raise UserError(
                f"--trainer.{name} {value}: it switches off the logs that a run's folder "
                "needs; to try an experiment in seconds, leave it out and give --smoke"
            )


def _check_utf8(files: list[str]) -> None:
    for file in filter(os.path.isfile, files):
        try:
            Path(file).read_text("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8"
            ) from None


def _helpful(message: str) -> str:
    """jsonargparse's message, and for a key that it does not know the nearest one it does."""
    if "required: data.crm" in message:
        return f"fit: no CRM file; say {USAGE}"
    unknown = UNKNOWN_KEY.search(message)
    name = ".".join(part for part in unknown.groups() if part) if unknown else ""
    return message + (nearest(name, _keys()) if name else "")


def _keys() -> list[str]:
    """Every dotted key that `fit` knows."""
    parser = LightningArgumentParser()
    parser.add_lightning_class_args(LeadRanker, "model")
    parser.add_lightning_class_args(LeadDataModule, "data")
    parser.add_lightning_class_args(Trainer, "trainer")
    _add_run_arguments(parser)
    return [*parser.get_defaults(skip_validation=True).keys(), "seed_everything"]
