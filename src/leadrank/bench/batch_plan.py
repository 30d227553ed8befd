"""A batch plan for many rows: an epoch's draws, and the batches that score a table."""

import numpy as np

from leadrank.bench.clock import timed
from leadrank.bench.figure import Figure
from leadrank.bench.sizes import Sizes
from leadrank.model.rows import scoring_batches
from leadrank.training.sampler import SamplerSettings, StageSampler

ORDER_RATE, STAGES = 0.014, 4
TARGET_SECONDS = 10.0


def batch_plan(sizes: Sizes) -> list[Figure]:
    """Seconds to plan all batches of an epoch, and all scoring batches, of so many rows."""
    rows = sizes.plan_rows
    random = np.random.default_rng(0)
    length = random.integers(20, 193, rows)
    label = (random.random(rows) < ORDER_RATE).astype(np.int64)
    stratum = np.where(label == 1, STAGES, random.integers(0, STAGES, rows))
    epoch, batches = timed(
        lambda: StageSampler(length, label, stratum, settings=SamplerSettings()).batches()
    )
    assert np.bincount(np.concatenate(batches), minlength=rows).min() >= 1
    scoring, scored = timed(lambda: scoring_batches(length, max_tokens=1024))
    assert sum(map(len, scored)) == rows
    return [
        Figure("an epoch's batches planned", epoch, "s", rows, TARGET_SECONDS, "most"),
        Figure("scoring batches planned", scoring, "s", rows, TARGET_SECONDS, "most"),
    ]
