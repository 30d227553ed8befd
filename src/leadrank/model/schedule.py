"""The optimiser's settings, and the share of the full rate at each step."""

import math
from dataclasses import dataclass
from typing import Literal

from leadrank.errors import UserError

#: Of the released code: steps of warm-up, and what stays of the rate after each later step.
LITERAL_WARMUP, LITERAL_DECAY = 4000, 0.999


@dataclass(frozen=True)
class OptimiserSettings:
    """AdamW and how its rates rise and fall.

    Args:
        head_rate: learning rate of the head.
        adapter_rate: learning rate of the adapters.
        weight_decay: decoupled weight decay.
        warmup: share of all steps that the rates rise; read by the schedule `scaled`.
        schedule: `scaled` rises over `warmup`, then falls linearly to zero over the run's own
            steps; `literal` rises over 4,000 steps, then falls by 0.1 % a step, as the released
            code of arXiv 2606.04387 does, which on a small table never trains.
    """

    head_rate: float = 1e-4
    adapter_rate: float = 1e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: Literal["scaled", "literal"] = "scaled"

    def __post_init__(self) -> None:
        problems = [
            f"model.optimiser.{name}: {value}, expected a finite number, 0 or more"
            for name in ("head_rate", "adapter_rate", "weight_decay")
            if not (math.isfinite(value := getattr(self, name)) and value >= 0)
        ]
        if not 0 <= self.warmup <= 1:
            problems.append(f"model.optimiser.warmup: {self.warmup}, expected 0 to 1")
        if problems:
            raise UserError("\n".join(problems))


def rate_factor(step: int, steps: int, settings: OptimiserSettings) -> float:
    """The share of the full rate at a step of a run of `steps`, in [0, 1].

    Step 0 already moves, and so does the last one.
    """
    if settings.schedule == "literal":
        risen = min(1.0, (step + 1) / LITERAL_WARMUP)
        return risen * LITERAL_DECAY ** max(0, step + 1 - LITERAL_WARMUP)
    rising = max(1, round(settings.warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / max(1, steps - rising))
