"""Systems and results made by hand, for the tests of what compares them."""

from typing import Any

import numpy as np
import polars as pl

from leadrank.compare.results import Result
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System

#: A result as it is measured: what lies on disk, the outcomes and the probability.
SCHEMA = {
    "row_id": pl.Int32, "label": pl.Int8, "weight": pl.Float32, "lead_id": pl.String,
    "stage": pl.Int8, "group": pl.String, "seed": pl.Int64, "score": pl.Float32,
    "probability": pl.Float32, "times": pl.Float32,
}  # fmt: skip


def by_visits(study: Study, seed: int) -> Scored:
    """Scores the rows by a field, and by nothing else; a little differently at each seed."""
    visits = study.table.rows["visits"].fill_null(0).to_numpy().astype(np.float64)
    score = np.full(len(visits), np.nan)
    asked = study.scored_positions()
    score[asked] = visits[asked] + 0.01 * seed
    return Scored(score, {"seed": seed})


def system(fit: Any = by_visits, *, seeds: int = 1, **settings: Any) -> System:
    """What a module of `compare/systems` declares."""
    return System("By visits", fit, reads="fields", seeds=seeds, settings=lambda _: settings)


def result(name: str, *scores: Any, **columns: Any) -> Result:
    """A result whose seeds have these scores [n]; `columns` replace the defaults."""
    n = len(scores[0])
    common = {
        "row_id": range(n),
        "label": [row % 2 for row in range(n)],
        "weight": [1.0] * n,
        "lead_id": [f"lead {row}" for row in range(n)],
        "stage": [2 * (row % 2) for row in range(n)],
        "group": [None] * n,
        "times": [1.0] * n,
        **columns,
    }
    blocks = [
        pl.DataFrame(
            {
                **common,
                "seed": [seed] * n,
                "score": np.asarray(score, float),
                "probability": 1 / (1 + np.exp(-np.asarray(score, float))),
            }
        ).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        for seed, score in enumerate(scores)
    ]
    record = {
        "title": name.title(), "reads": "both", "llm": False, "settings": {}, "git": "abc",
        "terms": "not at all",
        "data_fingerprint": "data",
        "runs": [{"seed": s, "seconds": 2.0, "logit": True} for s in range(len(scores))],
    }  # fmt: skip
    return Result(name, pl.concat(blocks), record)
