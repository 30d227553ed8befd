"""Weighs each tier, step by step, by how far its gradient agrees with that of the labels.

The gradients are those of the head's weights alone: they cost a pass through the head for each
tier, where those of the adapters would cost a whole backward pass. The pointwise gradient is
that of the batch before, so of other leads, but for orders so scarce that both hold them.

Where the head starts as the probe, labels have nothing left to ask of it: their gradient is
noise, and the gate all but closes on every tier, good or bad.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from leadrank.preference.gate import agreement, gate, running


class TierGate:
    """The running agreement of each tier with the labels; on every rank the same.

    Until a tier has been compared once it counts in full.
    """

    def __init__(self, tiers: int, device: torch.device | str = "cpu") -> None:
        self.cosine = torch.zeros(tiers, device=device)
        self.seen = torch.zeros(tiers, device=device)
        self._before: Tensor | None = None

    def state(self) -> dict[str, Tensor | None]:
        """What a resumed run goes on from."""
        return {"cosine": self.cosine, "seen": self.seen, "before": self._before}

    def load_state(self, state: Mapping[str, Tensor | None]) -> None:
        """Goes on from what `state` gave."""
        device = self.cosine.device
        cosine, seen, before = (state[name] for name in ("cosine", "seen", "before"))
        assert cosine is not None
        assert seen is not None
        self.cosine, self.seen = cosine.to(device), seen.to(device)
        self._before = None if before is None else before.to(device)

    def factors(
        self,
        tier_loss: Float[Tensor, " t"],
        present: Tensor,
        pointwise_loss: Float[Tensor, ""],
        weights: Sequence[Tensor],
    ) -> Float[Tensor, " t"]:
        """The factor of each tier's loss in this step, in [0, 1], without gradient.

        Args:
            tier_loss: mean loss of each tier [t].
            present: which tiers have pairs in this batch [t].
            pointwise_loss: of the same batch; the next one is compared with it.
            weights: of the head.
        """
        losses = [*tier_loss, pointwise_loss]
        *tier_gradients, pointwise_gradient = _summed([_flat(x, weights) for x in losses])
        if self._before is not None and len(tier_gradients):
            found = agreement(torch.stack(tier_gradients), self._before)
            self.cosine, self.seen = running(self.cosine, self.seen, found, present)
        self._before = pointwise_gradient
        return torch.where(self.seen > 0, gate(self.cosine), 1.0)


def _flat(loss: Tensor, weights: Sequence[Tensor]) -> Tensor:
    found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return torch.cat(
        [
            (torch.zeros_like(weight) if gradient is None else gradient).flatten()
            for weight, gradient in zip(weights, found, strict=True)
        ]
    )


def _summed(gradients: list[Tensor]) -> list[Tensor]:
    """Added up over ranks, which each hold the gradient of their own rows."""
    together = torch.stack(gradients)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(together)
    return list(together)
