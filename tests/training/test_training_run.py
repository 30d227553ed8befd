"""Runs of a few steps: the stored loss trace, and a resumed run that ends like a whole one."""

import json
import os
from dataclasses import replace
from pathlib import Path

import lightning as L
import pytest
import torch

from leadrank.model.base_model import resolve_base
from leadrank.training import callbacks as training_callbacks
from leadrank.training.callbacks import StartFromProbe
from leadrank.training.fit import callbacks
from leadrank.training.probes import fit_on_train
from leadrank.training.sampler import SamplerSettings

TRACE = Path(__file__).with_name("loss_trace.json")
#: Set it to write the trace anew: only in a commit that changes the maths, and says why.
REWRITE = "LEADRANK_REWRITE_TRACE"

pytestmark = [
    pytest.mark.slow,
    # One process checkpoints into the same folder twice: that is the case under test.
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


def trainer(folder, extra=(), **settings):
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        callbacks=[*callbacks(folder, patience=9), *extra],
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_model_summary=False,
        enable_progress_bar=True,
        gradient_clip_val=1.0,
        default_root_dir=folder,
        **settings,
    )


class Losses(L.Callback):
    """The loss of every step."""

    def __init__(self):
        self.found = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.found.append(outputs["loss"].item())


class PowerCutError(Exception):
    """The power fails."""


class PowerCut(L.Callback):
    """Fails at the first step of the second epoch, after the first one's checkpoint."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.current_epoch == 1:
            raise PowerCutError


def whole(small_ranker, data, folder, extra=(), ckpt_path=None, max_epochs=2):
    L.seed_everything(0, verbose=False)
    ranker = small_ranker()
    run = trainer(folder, extra, max_epochs=max_epochs)
    run.fit(ranker, datamodule=data, ckpt_path=ckpt_path)
    return ranker.model.learned_state(), run


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    small_crm, data_of, small_ranker, tmp_path
):
    losses, rest = Losses(), Losses()
    expected, run = whole(
        small_ranker, data_of(small_crm, max_rows=60), tmp_path / "whole", [losses]
    )
    assert run.current_epoch == 2
    with pytest.raises(PowerCutError):
        whole(small_ranker, data_of(small_crm, max_rows=60), tmp_path / "cut", [PowerCut()])
    last = tmp_path / "cut" / "checkpoints" / "last.ckpt"
    found, again = whole(
        small_ranker,
        data_of(small_crm, max_rows=60),
        tmp_path / "cut",
        [rest],
        ckpt_path=str(last),
    )
    assert again.current_epoch == 2
    assert rest.found == pytest.approx(losses.found[len(losses.found) // 2 :], abs=1e-5)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-5)


@pytest.fixture
def one_epoch(small_crm, data_of, small_ranker, tmp_path):
    state, _ = whole(small_ranker, data_of(small_crm, max_rows=60), tmp_path, max_epochs=1)
    return state, tmp_path / "checkpoints"


def test_a_checkpoint_holds_what_was_learned_and_the_optimiser_and_no_base(one_epoch):
    state, folder = one_epoch
    file = folder / "best.ckpt"
    checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    kept = checkpoint["state_dict"]
    assert {name.removeprefix("model.") for name in kept} == set(state)
    trained = sum(".lora_" in n or n.split(".")[1] in ("linear", "tower") for n in state)
    moments = checkpoint["optimizer_states"][0]["state"]
    assert len(moments) == trained
    weights = sum(tensor.numel() * 4 for tensor in kept.values())
    # Weights and AdamW's two moments of each, and little else.
    assert file.stat().st_size < 3 * weights + 200_000
    base = sum(f.stat().st_size for f in resolve_base("smollm2-135m").folder.iterdir())
    assert file.stat().st_size < base / 100


def test_a_checkpoint_that_lacks_a_trained_weight_does_not_resume(
    one_epoch, small_crm, data_of, small_ranker, tmp_path
):
    last = one_epoch[1] / "last.ckpt"
    checkpoint = torch.load(last, map_location="cpu", weights_only=True)
    name = next(n for n in checkpoint["state_dict"] if ".lora_B." in n)
    del checkpoint["state_dict"][name]
    torch.save(checkpoint, last)
    with pytest.raises(ValueError, match=r"missing .*lora_B"):
        whole(small_ranker, data_of(small_crm, max_rows=60), tmp_path, ckpt_path=str(last))


@pytest.mark.parametrize("kind", ["probe", "funnel_probe"])
def test_starting_from_the_probe_scores_as_the_probe(
    small_crm, data_of, small_ranker, tmp_path, monkeypatch, kind
):
    """Through the whole model, in 4 bit, on the rows of the table; and again after training.

    Sixty rows teach no tier, so the taught probe is made up: it is not the labels' own.
    """

    def taught(*given):
        probe = fit_on_train(*given)
        return replace(probe, weight=probe.weight * 0.5, bias=probe.bias + 0.5), True

    monkeypatch.setattr(training_callbacks, "taught_on_train", taught)
    data, ranker = data_of(small_crm, max_rows=60), small_ranker(rate=0.0, start=kind)
    trainer(tmp_path, max_epochs=1, limit_train_batches=1).fit(ranker, datamodule=data)
    data_again, trained = data_of(small_crm, max_rows=60), small_ranker(rate=1e-2, start=kind)
    run = trainer(tmp_path / "trained", max_epochs=1)
    run.fit(trained, datamodule=data_again)
    start = next(c for c in run.callbacks if isinstance(c, StartFromProbe))
    rows = data.positions("validation")
    batch = data.rows[rows]
    batch.pop("states")
    assert start.name == kind
    expected = torch.from_numpy(start.scores[kind][rows])
    with torch.no_grad():
        torch.testing.assert_close(ranker.model.eval()(batch), expected, rtol=0, atol=1e-3)
        assert (trained.model.eval()(batch) - expected).abs().max() > 0.05
        trained.model.encoder.reset_adapters()
        trained.model.head.start_from(start.start)
        torch.testing.assert_close(trained.model(batch), expected, rtol=0, atol=1e-3)


def test_the_losses_of_a_fixed_seed_are_the_stored_ones(small_crm, data_of, small_ranker):
    """Ten steps in 4 bit without the probe. To write them anew: `LEADRANK_REWRITE_TRACE=1`.

    A refactoring leaves the trace alone; a change of maths changes it in the same commit.
    """
    L.seed_everything(0, verbose=False)
    losses = Losses()
    run = L.Trainer(
        accelerator="cpu", max_steps=10, logger=False, callbacks=[losses],
        limit_val_batches=0, enable_checkpointing=False, enable_model_summary=False,
        enable_progress_bar=False, use_distributed_sampler=False,
    )  # fmt: skip
    sampler = SamplerSettings(batch_size=8, negatives_per_order=1.0)
    run.fit(small_ranker(), datamodule=data_of(small_crm, sampler=sampler))
    if os.environ.get(REWRITE):
        TRACE.write_text(json.dumps([round(loss, 6) for loss in losses.found]) + "\n")
    assert len(losses.found) == 10
    assert losses.found == pytest.approx(json.loads(TRACE.read_text()), abs=1e-4)
