"""One training step as `fit` takes it: encode each lead once, then all the pairs among them."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device

from leadrank.model.lead_model import LeadModel
from leadrank.preference import (
    Tier,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
)

#: As experiments/base.yaml has it.
CLIP = 1.0


class Stepper:
    """A model with the optimiser of its trainable weights.

    Args:
        model: adapters and head are trained.
        tiers: of the batches' pairs.
    """

    def __init__(self, model: LeadModel, tiers: Sequence[Tier]) -> None:
        self.model, self.tiers = model.train(), tiers
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=1e-4)

    def step(self, batch: dict[str, Any]) -> None:
        """Forward, joint loss, backward, and the optimiser's step."""
        batch = self.moved(batch)
        self.loss(batch, self.model(batch)).backward()
        self.update()

    def update(self) -> None:
        """The optimiser's step on clipped gradients."""
        torch.nn.utils.clip_grad_norm_(self.trained, CLIP)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def epoch(self, batches: Iterable[dict[str, Any]]) -> None:
        """A step on each."""
        for batch in batches:
            self.step(batch)

    def moved(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch and its pairs on the model's device, as Lightning hands them over."""
        return move_data_to_device(batch, next(self.model.parameters()).device)

    def loss(self, batch: dict[str, Any], score: torch.Tensor) -> torch.Tensor:
        """The joint loss of a batch's scores [n]."""
        pairs = hierarchical_preference_loss(score, batch["pairs"], tiers=self.tiers)
        labels = pointwise_loss(score, batch["label"], batch["weight"], batch["rate"])
        return joint_loss(labels, pairs, tiers=self.tiers)
