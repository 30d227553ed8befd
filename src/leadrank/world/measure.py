"""How hard a world is: who ranks its orders how well, from the columns to the hidden truth.

Every system learns from one world (seed + LEARN_SEED) and ranks the rows of others, on real
labels. Trees and words see as many rows as a world of the size asked for has; `oracle_reader`
also sees six times as many. Each is tuned alike on leads held out (`trees`, `words`).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from leadrank.world.export import code_hash, make_world
from leadrank.world.oracles import (
    LEAD,
    OWN_CODES,
    column_features,
    fact_features,
    mature_rows,
    reader_features,
)
from leadrank.world.settings import WorldSettings
from leadrank.world.trees import GRID, Grid, Scores, Trees, fit_trees
from leadrank.world.words import Words
from leadrank.world.yardsticks import true_probability, write_reader

LEARN_SEED, LEARN_TIMES = 1000, 6
TEST_WORLDS = 3
TOP = 0.01
READER_GRID = ((31, 100),)


def measure_world(
    settings: WorldSettings, seed: int, out: Path, *, progress: bool = True
) -> pl.DataFrame:
    """AUC and P@1 % of every system on the worlds of `seed` and the two seeds after it.

    Worlds are written to `out`, some 1 GB at the default size, and those there are used again;
    the reader taught by most rows is kept as `out`/reader.json.

    Returns:
        One row per world and system: `seed`, `rows`, `positive`, `system`, `auc`, `top`.
    """
    large = replace(settings, leads=LEARN_TIMES * settings.leads)
    learn = _world(large, seed + LEARN_SEED, out, progress)
    tests = [_world(settings, seed + k, out, progress) for k in range(TEST_WORLDS)]
    rows = [mature_rows(folder) for folder in tests]
    found = []
    steps = _scores(learn, tests, rows)
    for name, scores in tqdm(steps, desc="systems", total=8, disable=not progress):
        for k, (world, score) in enumerate(zip(rows, scores, strict=True)):
            figures = {"system": name, **_figures(world["label"].to_numpy(), score)}
            found.append({"seed": seed + k, "rows": world.height, **figures})
    return pl.DataFrame(found)


def _world(settings: WorldSettings, seed: int, out: Path, progress: bool) -> Path:
    """The folder of a world, made unless it is there, of this very code."""
    folder = out / f"{settings.leads}x{settings.days}-{seed}"
    described = folder / "world.json"
    wanted = {**asdict(settings), "seed": seed, "format": code_hash()}
    found = json.loads(described.read_text("utf-8")) if described.is_file() else {}
    if {name: found.get(name) for name in wanted} != wanted:
        make_world(settings, seed, folder, progress=progress)
    return folder


def _figures(label: NDArray, score: Scores) -> dict[str, float]:
    first = np.argsort(-score, kind="stable")[: max(1, round(TOP * len(score)))]
    both = 0 < label.mean() < 1
    return {
        "positive": float(label.mean()),
        "auc": float(roc_auc_score(label, score)) if both else np.nan,
        "top": float(label[first].mean()),
    }


def _scores(
    learn: Path, tests: list[Path], rows: list[pl.DataFrame]
) -> Iterator[tuple[str, list[Scores]]]:
    """Each system's name and its scores of each test world, one system after another."""
    every = mature_rows(learn)
    known = every.filter(every[LEAD].hash(seed=2) % LEARN_TIMES == 0)
    columns, facts = _columns(known), fact_features(known, learn)
    asked = [_columns(each) for each in rows]
    stated = [fact_features(each, folder) for each, folder in zip(rows, tests, strict=True)]
    yield "columns", _ranked(_fit(columns, known), asked)
    words = Words(known, learn)
    heard = [words.scores(each, folder) for each, folder in zip(rows, tests, strict=True)]
    yield "words", [each.to_series(0).to_numpy() for each in heard]
    both = columns.hstack(words.own)
    yield "columns and words", _ranked(_fit(both, known), _joined(asked, heard))
    trees = _fit(columns.hstack(facts), known)
    yield f"oracle_reader, {known.height:,}", _ranked(trees, _joined(asked, stated))
    trees = _fit(reader_features(every, learn), every, READER_GRID)
    write_reader(
        trees, learn.parent / "reader.json", rows=every.height, learned_from=learn.name
    )
    yield f"oracle_reader, {every.height:,}", _ranked(trees, _joined(asked, stated))
    yield (
        "oracle_world",
        [true_probability(each, folder) for each, folder in zip(rows, tests, strict=True)],
    )
    words = Words(known, learn, shuffled=True)
    heard = [words.scores(each, folder) for each, folder in zip(rows, tests, strict=True)]
    both = columns.hstack(words.own)
    yield "columns, shuffled words", _ranked(_fit(both, known), _joined(asked, heard))
    mixed = [each.sample(fraction=1.0, shuffle=True, seed=0) for each in (facts, *stated)]
    trees = _fit(columns.hstack(mixed[0]), known)
    yield "columns, shuffled facts", _ranked(trees, _joined(asked, mixed[1:]))


def _columns(rows: pl.DataFrame) -> pl.DataFrame:
    return column_features(rows).drop(OWN_CODES)


def _fit(features: pl.DataFrame, rows: pl.DataFrame, grid: Grid = GRID) -> Trees:
    return fit_trees(features, rows["label"], rows[LEAD], grid)


def _ranked(trees: Trees, asked: list[pl.DataFrame]) -> list[Scores]:
    return [trees(each) for each in asked]


def _joined(left: list[pl.DataFrame], right: list[pl.DataFrame]) -> list[pl.DataFrame]:
    return [one.hstack(other) for one, other in zip(left, right, strict=True)]


def table(found: pl.DataFrame) -> str:
    """The figures as text: worlds first, then AUC in each world and the means."""
    worlds = found.unique("seed", maintain_order=True)
    lines = [f"{'seed':<28}" + "".join(f"{seed:>9}" for seed in worlds["seed"])]
    lines.append(f"{'rows followed for 30 days':<28}" + _cells(worlds["rows"], ">9,"))
    lines.append(f"{'orders within them':<28}" + _cells(worlds["positive"], ">9.2%"))
    lines.append(f"{'':<28}" + f"{'AUC':>9}" * worlds.height + f"{'mean':>9}{'top 1 %':>9}")
    for (system,), own in found.group_by("system", maintain_order=True):
        auc, top = (own[name].to_numpy().mean() for name in ("auc", "top"))
        lines.append(f"{system:<28}" + _cells(own["auc"], ">9.4f") + f"{auc:>9.4f}{top:>9.1%}")
    return "\n".join(lines)


def _cells(values: pl.Series, form: str) -> str:
    return "".join(format(value, form) for value in values)
