"""Which device a run takes, and where its model is and in what precision afterwards."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator, CUDAAccelerator, MPSAccelerator

from leadrank.cli.fit import _parse
from leadrank.training import fit as fit_module

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"


def parsed(small, *words):
    files = [str(EXPERIMENTS / name) for name in ("base.yaml", "quickstart.yaml")]
    own = ["--data.crm", small.crm, "--data.root", small.root, "--runs", small.root / "runs"]
    own += ["--wandb.enabled", "false", *words]
    return _parse(["--config", files[0], "--config", files[1], *map(str, own)], "quickstart")


@pytest.mark.filterwarnings("ignore:GPU available but not used")
def test_auto_is_the_cpu_on_apple(small_crm, monkeypatch):
    """Its GPU knows neither 4 bit nor float64, and Lightning's own `auto` would take it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: False))
    monkeypatch.setattr(MPSAccelerator, "is_available", staticmethod(lambda: True))
    assert isinstance(parsed(small_crm).trainer.accelerator, CPUAccelerator)


@pytest.mark.slow
# The run's own mark and log lie there already.
@pytest.mark.filterwarnings("ignore:Experiment logs directory .* exists")
def test_a_run_ends_on_its_device_in_its_precision(small_crm, embedded_base, monkeypatch):
    """Lightning leaves the model on the CPU when fit ends; what is measured then is not there.

    On a machine without GPU only the precision can go wrong.
    """
    ended = []
    monkeypatch.setattr(fit_module, "finish_run", lambda _, trained: ended.append(trained))
    smoke = ("--model.encoder.layers=2", "--model.encoder.adapt_from=1")
    smoke += ("--data.max_rows=60", "--trainer.max_steps=2", "--data.prompt.max_tokens=64")
    cli = parsed(small_crm, *smoke)
    fit_module.fit(
        cli.trainer, cli.model, cli.datamodule, experiment="quickstart", command="", seed=0
    )
    device, model = cli.trainer.strategy.root_device, ended[0].ranker.model
    assert {p.device for p in model.parameters()} == {device}
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    expected = torch.bfloat16 if device.type == "cuda" else torch.float32
    assert model.encoder.compute == expected
