"""What the engines for CPUs do to a ranking: another simulated world, scored by each.

A probe is fitted on the quickstart's training rows with dense vectors, once on text and fields
and once on text alone, which hides nothing; every engine's vectors then go through it.
"""

import tempfile
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from leadrank.bench.figure import Figure
from leadrank.bench.leads import Leads
from leadrank.bench.sizes import Sizes
from leadrank.funnel import LeadTable, read_lead_table
from leadrank.model.cpu_engine import cpu_encoder, engines
from leadrank.model.crosses import NO_CROSSES
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.probe import fit_probe
from leadrank.model.rows import LeadRows, distinct_prompts, pad, scoring_batches
from leadrank.preference.order_metrics import auc
from leadrank.text import tokenise
from leadrank.world.export import make_world
from leadrank.world.quickstart import SEED, SETTINGS
from leadrank.world.settings import START

#: Days of the other world that are read: the quickstart's test part.
FIRST_DAY, LAST_DAY, TOP = 140, 187, 0.01


def engine_quality(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Overlap of the best 1 %, and how far the AUC moves, on rows of another world."""
    data = leads.data
    with tempfile.TemporaryDirectory() as folder:
        table = _other_world(leads, Path(folder), sizes.quality_rows)
    rows = LeadRows(
        table, tokenise(table, data.tokens.template, data.tokenizer), data.field_features
    )
    encoder = LeadEncoder(EncoderSettings(layers=sizes.layers, adapt="none"), "cpu")
    dense = encoder.dense()
    train, every = data.positions("train"), np.arange(len(rows))
    learned, reference = read(dense, data.rows, train), read(dense, rows, every)
    label, weight, lead = (
        column.numpy()[train] for column in (data.rows.label, data.rows.weight, data.rows.lead)
    )
    faster = {engine: read(cpu_encoder(encoder, engine), rows, every) for engine in engines()}
    found = [_cosine(engine, reference, vectors) for engine, vectors in faster.items()]
    for name, columns in {"": data.rows.fields.shape[1], ", text alone": 0}.items():
        known = data.rows.fields.numpy()[train, :columns]
        probe = fit_probe(learned, known, NO_CROSSES, label, weight, lead)
        score = partial(probe.score, fields=rows.fields.numpy()[:, :columns])
        found.append(Figure(f"  dense AUC{name}", _auc(score(reference), rows), "", len(rows)))
        for engine, vectors in faster.items():
            scores = score(reference), score(vectors)
            found += _ranking(f"{engine}{name}", *scores, rows, targets=not name)
    return found


def read(
    encoder: LeadEncoder, rows: LeadRows, positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """[len(positions) d] vectors of these rows, each prompt read once."""
    first, prompt = distinct_prompts(rows.tokens, positions)
    read_once = positions[first]
    vectors = np.empty((len(read_once), encoder.width), np.float32)
    for batch in scoring_batches(rows.length[read_once], max_tokens=1024):
        ids, mask = pad([rows.tokens[int(row)] for row in read_once[batch]])
        with torch.inference_mode():
            vectors[batch] = encoder(ids, mask).numpy()
    return vectors[prompt]


def overlap(one: NDArray, other: NDArray, share: float) -> float:
    """Per cent of the best `share` of one ranking that the other's best hold too."""
    count = max(1, round(share * len(one)))
    best = (set(np.argsort(-score, kind="stable")[:count]) for score in (one, other))
    return 100 * len(set.intersection(*best)) / count


def _cosine(engine: str, one: NDArray, other: NDArray) -> Figure:
    cosine = torch.cosine_similarity(torch.from_numpy(one), torch.from_numpy(other))
    return Figure(f"{engine} vectors, least cosine", float(cosine.min()), "", len(one))


def _auc(score: NDArray, rows: LeadRows) -> float:
    label = rows.label.double()
    return float(auc(torch.from_numpy(score).double(), label, torch.ones_like(label)))


def _ranking(
    name: str, dense: NDArray, faster: NDArray, rows: LeadRows, *, targets: bool
) -> list[Figure]:
    held = overlap(dense, faster, TOP)
    moved = abs(_auc(faster, rows) - _auc(dense, rows))
    least, most = (95.0, 0.002) if targets else (None, None)
    return [
        Figure(f"  best 1 % in common, {name}", held, "%", len(rows), least),
        Figure(f"  AUC moves by, {name}", moved, "", len(rows), most, "most"),
    ]


def _other_world(leads: Leads, folder: Path, count: int) -> LeadTable:
    """So many rows of a world of another seed, as the quickstart's CRM file reads them."""
    made = folder / "made"
    made.mkdir()
    # Half as many leads again, for not each has a row within these days.
    customers = max(3 * count // 2, 2_000)
    make_world(replace(SETTINGS, leads=customers), SEED + 1, made, progress=False)
    rows = pl.read_parquet(made / "leads.parquet").unique(maintain_order=True)
    first, last = (START + timedelta(days=day) for day in (FIRST_DAY, LAST_DAY))
    rows = rows.filter(pl.col("ppl_dt").is_between(first, last, closed="left"))
    keys = ["customer_account_id", "ppl_dt"]
    rows = rows.unique(keys, keep="first", maintain_order=True)
    assert rows.height >= count, f"the other world has {rows.height} rows of {count}"
    drawn = rows.sample(count, seed=0).with_columns(weight=pl.lit(1.0))
    (folder / "world").mkdir()
    drawn.write_parquet(folder / "world" / "leads.parquet")
    calls = pl.read_parquet(made / "calls.parquet")
    calls.join(drawn, on=keys[:1], how="semi").write_parquet(folder / "world" / "calls.parquet")
    return read_lead_table(leads.data.crm, folder)
