"""Padding with the stage-aware sampler on, the pairs' share of a step, and repeated prompts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from leadrank.bench.clock import side_by_side, timed
from leadrank.bench.figure import Figure
from leadrank.bench.leads import Leads, adapted, new_model
from leadrank.bench.sizes import Sizes
from leadrank.bench.step import Stepper
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.rows import scoring_batches
from leadrank.preference import hierarchical_preference_loss
from leadrank.scoring.score import score_rows
from leadrank.training.rows import PairedRows
from leadrank.training.sampler import SamplerSettings

EPOCHS = 3
#: Settings that deal all stages evenly, whatever their lengths.
EVENLY: dict[str, Any] = {"stage_balance": 1.0, "length_jitter": 0.1}


def padding(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Share of padding in training batches and in scoring batches."""
    length = leads.data.rows.length[leads.data.positions("train")]
    evenly = replace(leads.data.sampler, **EVENLY)
    stages = share_of_padding(length, _epochs(leads, leads.data.sampler))
    even = share_of_padding(length, _epochs(leads, evenly))
    scored = share_of_padding(length, scoring_batches(length, max_tokens=1024))
    most = 100 * (1 - length.mean() / sizes.tokens)
    n = len(length)
    return [
        Figure("padding, stage-aware batches", stages, "%", n, 5.0, "most"),
        Figure("  stage_balance 1, length_jitter 0.1", even, "%", n),
        Figure("  scoring batches", scored, "%", n, 5.0, "most"),
        Figure("  if all were padded to the most", most, "%", n),
    ]


def _epochs(leads: Leads, settings: SamplerSettings) -> list[np.ndarray]:
    sampler = leads.sampler(settings)
    batches = []
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        batches += sampler.batches()
    return batches


def share_of_padding(length: np.ndarray, batches: list[np.ndarray]) -> float:
    """Per cent of the tokens in these batches that are padding."""
    used = sum(int(length[batch].sum()) for batch in batches)
    return 100 * (1 - used / sum(int(length[b].max()) * len(b) for b in batches))


def pairs_in_a_step(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Per cent of a step's time that its sampler, its pairs and their loss take."""
    rows, data = leads.data.rows, leads.data
    count = min(sizes.wide_step_leads, len(data.positions("train")))
    train = data.positions("train")
    sampler = leads.sampler(SamplerSettings(batch_size=count))
    drawing, batches = timed(sampler.batches)
    paired = PairedRows(rows, data.tiers)
    stepper = Stepper(new_model(leads, adapted(sizes, quantisation="none")), data.tiers)
    batch = stepper.moved(paired[train[batches[0]]])
    score = stepper.model(batch).detach()

    def pair_loss() -> None:
        leaf = score.clone().requires_grad_()
        given = hierarchical_preference_loss(leaf, batch["pairs"], tiers=data.tiers)
        given.mean().sum().backward()

    calls: dict[str, Callable[[], Any]] = {
        "rows": lambda: rows[train[batches[0]]],
        "rows and pairs": lambda: paired[train[batches[0]]],
        "loss": pair_loss,
    }
    small = side_by_side(calls, 5)
    if leads.device.type == "cuda":  # its first steps are slow
        stepper.step(batch)
    step = side_by_side({"step": lambda: stepper.step(batch)}, 1)["step"]
    pairs = small["rows and pairs"] - small["rows"] + small["loss"]
    share = 100 * (pairs + drawing / len(batches)) / step
    return [
        Figure("sampler, pairs and their loss, of a step", share, "%", count, 2.0, "most"),
        Figure("  pairs of that step", len(batch["pairs"].winner), "pairs", count),
    ]


def repeated_prompts(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Time to score leads that come four times each, over scoring each prompt once."""
    model = new_model(leads, EncoderSettings(layers=sizes.layers, adapt="none")).dense()
    once = leads.some(max(4, sizes.scored_leads // 4))
    four = np.tile(once, 4)
    calls: dict[str, Callable[[], Any]] = {
        "once": lambda: score_rows(model, leads.data.rows, once),
        "four": lambda: score_rows(model, leads.data.rows, four),
    }
    calls["once"]()
    took = side_by_side(calls, min(sizes.repeats, 3))
    slower = took["four"] / took["once"]
    return [
        Figure(
            "each prompt four times, time over once", slower, "times", len(four), 1.3, "most"
        )
    ]
