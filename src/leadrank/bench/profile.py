"""Where a training step's time goes: its parts by the clock, and the costliest operations."""

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from leadrank.bench.clock import wait
from leadrank.bench.leads import Leads, adapted, new_model
from leadrank.bench.sizes import Sizes
from leadrank.bench.step import Stepper
from leadrank.model.frozen import compute_frozen
from leadrank.training.rows import PairedRows

PARTS = ("rows and pairs", "forward", "loss", "backward", "optimiser")
SHOWN_OPERATIONS = 12


def profile_step(leads: Leads, sizes: Sizes) -> str:
    """Two tables, 80 columns wide: the parts of a default step, and its operations.

    The step starts where `fit` would have it start: on a CPU from kept states of the frozen
    layers. A GPU is waited for after each part; of its operations the launches are timed.
    """
    model = new_model(leads, adapted(sizes))
    stepper = Stepper(model, leads.data.tiers)
    positions = leads.some(leads.data.sampler.batch_size)
    leads.data.rows.frozen = compute_frozen(
        model.encoder, leads.data.rows, positions, max_tokens=1024, kept_as=leads.data.states
    )
    paired = PairedRows(leads.data.rows, leads.data.tiers)
    stepper.step(paired[positions])
    # Without acc_events some versions warn that only one cycle is told of; there is but one.
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        _step(stepper, paired, positions)
    events = profiler.key_averages()
    parts = {event.key: event.cpu_time_total for event in events if event.key in PARTS}
    whole = sum(parts.values())
    tokens = leads.tokens(positions)
    head = f"a step of {len(positions)} leads, {tokens} tokens, {whole / 1e6:.2f} s"
    lines = [
        f"  {name:<30}{parts[name] / 1e3:10.1f} ms{parts[name] / whole:8.1%}" for name in PARTS
    ]
    costly = sorted(events, key=lambda event: -event.self_cpu_time_total)
    costly = [event for event in costly if event.key not in PARTS][:SHOWN_OPERATIONS]
    lines += ["its costliest operations, without those that they call"]
    lines += [
        f"  {_short(event.key):<42}{event.self_cpu_time_total / 1e3:10.1f} ms"
        f"{event.self_cpu_time_total / whole:8.1%}{event.count:7} calls"
        for event in costly
    ]
    return "\n".join([head, *lines])


def _short(name: str) -> str:
    """40 characters of a name, its end too: there a backward operation differs from its own."""
    return name if len(name) <= 40 else f"{name[:24]}..{name[-14:]}"


def _step(stepper: Stepper, paired: PairedRows, positions: np.ndarray) -> None:
    with record_function(PARTS[0]):
        batch = stepper.moved(paired[positions])
        wait()
    with record_function(PARTS[1]):
        score = stepper.model(batch)
        wait()
    with record_function(PARTS[2]):
        loss = stepper.loss(batch, score)
        wait()
    with record_function(PARTS[3]):
        loss.backward()
        wait()
    with record_function(PARTS[4]):
        stepper.update()
        wait()
    assert torch.isfinite(loss)
