"""Epochs that start from kept states of the frozen trunk, beside those that do not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from leadrank.bench.clock import side_by_side
from leadrank.bench.figure import Figure
from leadrank.bench.leads import Leads, new_model
from leadrank.bench.sizes import Sizes
from leadrank.bench.step import Stepper
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.frozen import States, compute_frozen
from leadrank.training.rows import PairedRows

ROUNDS, BATCH = 2, 32
KEPT_AS: tuple[States, States] = ("float32", "float16")


def frozen_trunk(leads: Leads, sizes: Sizes) -> list[Figure]:
    """An epoch from kept states against one through all layers, and against LoRA on all."""
    layers, at = sizes.trunk_layers
    upper = new_model(leads, EncoderSettings(layers=layers, adapt_from=at))
    whole = new_model(leads, EncoderSettings(layers=layers, adapt_from=0))
    positions = leads.some(sizes.epoch_leads)
    positions = positions[np.argsort(leads.data.rows.length[positions])]
    batches = np.array_split(positions, -(-len(positions) // BATCH))
    frozen, half = (
        compute_frozen(
            upper.encoder, leads.data.rows, positions, max_tokens=1024, kept_as=kept_as
        )
        for kept_as in KEPT_AS
    )
    tiers = leads.data.tiers
    steppers = {"kept": Stepper(upper, tiers), "all": Stepper(whole, tiers)}
    paired = PairedRows(leads.data.rows, tiers)

    def epoch(stepper: Stepper, kept: bool) -> None:
        leads.data.rows.frozen = frozen if kept else None
        for batch in batches:
            stepper.step(paired[batch])

    calls: dict[str, Callable[[], Any]] = {
        "kept": lambda: epoch(steppers["kept"], True),
        "not kept": lambda: epoch(steppers["kept"], False),
        "all": lambda: epoch(steppers["all"], False),
    }
    took = side_by_side(calls, ROUNDS if sizes.repeats > 1 else 1)
    leads.data.rows.frozen = None
    # After the epochs, so that adapters and head are trained ones.
    drift, rounded = (
        max(_difference(steppers["kept"], leads, batch, states) for batch in batches)
        for states in (frozen, half)
    )
    n, kept = len(positions), took["kept"]
    return [
        Figure(
            "epoch from kept states, over without them",
            took["not kept"] / kept,
            "times",
            n,
            1.7,
        ),
        Figure("  over LoRA on all layers", took["all"] / kept, "times", n, 3.5),
        Figure("  largest difference of a score", drift, "logits", n, 1e-3, "most"),
        Figure("    in half precision", rounded, "logits", n, 1e-2, "most"),
    ]


@torch.no_grad()
def _difference(stepper: Stepper, leads: Leads, batch: np.ndarray, frozen: Any) -> float:
    """Largest difference of a score from kept states and through all layers."""
    rows, model = leads.data.rows, stepper.model
    model.eval()
    without = model(stepper.moved(rows[batch]))
    rows.frozen = frozen
    within = model(stepper.moved(rows[batch]))
    rows.frozen = None
    model.train()
    return float((within - without).abs().max())
