"""What a step of accumulated batches is: the mean of their gradients, each of its own means."""

import lightning as L
import pytest
import torch

from leadrank.training.sampler import SamplerSettings

ACCUMULATED, BATCHES = 2, 3

pytestmark = pytest.mark.slow


class Gradients(L.Callback):
    """The batches, and the gradients of every step, before they are clipped."""

    def __init__(self):
        self.batches, self.steps = [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches.append(batch)

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.steps.append(gradients(pl_module))


def gradients(ranker):
    return {n: p.grad.clone() for n, p in ranker.named_parameters() if p.grad is not None}


def of_one_batch(ranker, batch):
    ranker.zero_grad()
    ranker.training_step(batch, 0).backward()
    return gradients(ranker)


def test_a_steps_gradient_is_the_batches_sum_over_their_number(
    small_crm, data_of, small_ranker
):
    """With rates of 0 all steps have the same weights: (g1 + g2) / 2, then g3 / 2 alone."""
    seen, ranker = Gradients(), small_ranker(rate=0.0)
    run = L.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, callbacks=[seen],
        accumulate_grad_batches=ACCUMULATED, limit_train_batches=BATCHES,
        limit_val_batches=0, enable_checkpointing=False, enable_model_summary=False,
        enable_progress_bar=False, use_distributed_sampler=False,
    )  # fmt: skip
    sampler = SamplerSettings(batch_size=8, negatives_per_order=1.0)
    run.fit(ranker, datamodule=data_of(small_crm, sampler=sampler))
    ranker.train()
    ranker.log = lambda *_, **__: None
    g1, g2, g3 = (of_one_batch(ranker, batch) for batch in seen.batches)
    first, last = seen.steps
    assert any(not torch.equal(g1[name], g2[name]) for name in first)
    for name in first:
        torch.testing.assert_close(first[name], (g1[name] + g2[name]) / 2)
        torch.testing.assert_close(last[name], g3[name] / 2)
