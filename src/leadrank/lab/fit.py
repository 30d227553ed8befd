"""One trial's head: the losses, sampler and schedule of `fit` in a bare loop.

Lightning's loop costs more than the head does. What is given up: loggers, checkpoints, devices.
"""

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leadrank.lab.scarce import Scarce, labels, with_preference
from leadrank.lab.trials import Trial
from leadrank.model.head import HeadOutput, ScoreHead
from leadrank.model.ranker import LossSettings
from leadrank.model.schedule import OptimiserSettings, rate_factor
from leadrank.model.tier_gate import TierGate
from leadrank.preference import (
    Reduced,
    Tier,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
)
from leadrank.preference.corn import corn_loss
from leadrank.preference.order_metrics import auc
from leadrank.training.choice import earns_its_keep
from leadrank.training.rows import PairedRows

PATIENCE = 3
CLIP = 1.0


@dataclass(frozen=True)
class Fit:
    """A trained head: logits of the test rows, and the AUC of its best epoch on validation."""

    score: NDArray[np.float32]
    validation: float
    epoch: int


def fit_trial(have: Scarce, trial: Trial, *, seed: int, rate: float, epochs: int = 20) -> Fit:
    """Trains a trial's head and scores the test rows by its best epoch.

    It stays what it starts as, mostly a probe and here epoch 0, unless training was clearly
    better on validation, as in a run.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        data = with_preference(have.data, trial.preference)
        data.seed = seed
        data.rows.wide = have.started(trial.head.start).wide
        head = _head(have, trial)
        start = best = _measured(head, data, 0)
        for epoch, _ in enumerate(_epochs(head, data, trial, rate, epochs), 1):
            now = _measured(head, data, epoch)
            best = now if now.value > best.value else best
            if epoch - best.epoch >= PATIENCE:
                break
        if not earns_its_keep(data, best.score, start.score):
            best = start
        head.load_state_dict(best.state)
        score = _scores(head, data, data.positions("test")).float().numpy()
        return Fit(score, best.value, best.epoch)


def _head(have: Scarce, trial: Trial) -> ScoreHead:
    data, probe = have.data, have.started(trial.head.start).probe
    crosses = data.field_features.cross_columns()
    width, stages = len(probe.text_mean), len(data.funnel.stages)
    head = ScoreHead(trial.head, width, data.field_features.width, crosses, stages)
    if trial.head.start != "random":
        head.start_from(probe)
    return head


def _epochs(head: ScoreHead, data: Any, trial: Trial, rate: float, epochs: int) -> Any:
    """Trains epoch by epoch, and hands over after each."""
    optimiser = torch.optim.AdamW(
        head.parameters(), lr=rate, weight_decay=OptimiserSettings().weight_decay
    )
    train, tiers = data.positions("train"), data.tiers
    paired = PairedRows(data.rows, tiers, data.preference, data.seed)
    sampler, gate = data._sampler, TierGate(len(tiers))
    sampler.seed = data.seed
    steps, step = epochs * len(sampler), 0
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        head.train()
        for positions in sampler.batches():
            for group in optimiser.param_groups:
                group["lr"] = rate * rate_factor(step, steps, OptimiserSettings())
            batch = paired[train[positions]]
            output = head(batch["vectors"], batch["fields"], batch["wide"])
            loss = _loss(output, batch, tiers, trial.loss, gate, list(head.parameters()))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), CLIP)
            optimiser.step()
            step += 1
        yield epoch


def _loss(
    output: HeadOutput,
    batch: dict[str, Any],
    tiers: tuple[Tier, ...],
    settings: LossSettings,
    gate: TierGate,
    weights: list[Tensor],
) -> Tensor:
    """The joint loss as `LeadRanker.training_step` has it."""
    outcome = (batch["label"], batch["weight"], batch["rate"])
    if output.steps is None:
        pointwise = pointwise_loss(output.pointwise, *outcome)
    else:
        pointwise = corn_loss(output.steps, *outcome, batch["stage"], batch["stage_known"])
    pairs = hierarchical_preference_loss(
        output.pairwise,
        batch["pairs"],
        tiers=tiers,
        loss=settings.pair_loss,
        smoothing=settings.smoothing,
    )
    if settings.tier_gate:
        factor = gate.factors(pairs.mean(), pairs.count > 0, pointwise.mean(), weights)
        pairs = Reduced(pairs.total * factor, pairs.count)
    return joint_loss(
        pointwise,
        pairs,
        tiers=tiers,
        pointwise_weight=settings.pointwise,
        preference_weight=settings.preference,
    )


class _Epoch(NamedTuple):
    """A head after an epoch: its weights, and its logits and their AUC on validation."""

    epoch: int
    state: dict[str, Tensor]
    score: Tensor
    value: float


def _measured(head: ScoreHead, data: Any, epoch: int) -> _Epoch:
    rows, known = labels(data, "validation")
    score = _scores(head, data, rows)
    return _Epoch(epoch, copy.deepcopy(head.state_dict()), score, float(auc(score, *known)))


@torch.no_grad()
def _scores(head: ScoreHead, data: Any, rows: NDArray) -> Tensor:
    head.eval()
    batch = data.rows[rows]
    return head(batch["vectors"], batch["fields"], batch["wide"]).score.double()
