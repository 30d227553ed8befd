"""Scoring beside transformers' own pipeline at its best batch size, and beside the machine.

The pipeline gets the leads in their order, as a user would give them, and the same layers; it
pads each batch to its longest text. Ours sorts by length. Both are given texts, and loading is
in the time of neither.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leadrank.bench.clock import side_by_side
from leadrank.bench.encode_once import own_dtype, rival_model
from leadrank.bench.figure import Figure
from leadrank.bench.leads import Leads, adapted, new_model
from leadrank.bench.sizes import Sizes
from leadrank.model.cpu_engine import cpu_engine, engines
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.lead_model import LeadModel
from leadrank.scoring.score import score_rows

BATCHES = (1, 8, 32)
#: What an engine for CPUs must be over the dense one, in times.
ENGINE_TARGETS = {"int8": 2.2}
#: Rows and columns of the matrices whose product is the machine's rate.
MATRIX = 1536
MATRIX_ON_GPU = 8192


def scoring(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Leads scored a second: dense, 4 bit and, on a CPU, its engines, beside the pipeline."""
    positions = leads.some(sizes.scored_leads)
    model = new_model(leads, EncoderSettings(layers=sizes.layers, adapt="none"))
    dense, compute = model.dense(), model.encoder.compute
    tokenizer = leads.data.tokenizer
    texts = [tokenizer.decode(leads.data.tokens[int(position)]) for position in positions]

    def score(scored: LeadModel, **how: bool) -> None:
        # The rows hold their ids already; a user's time has this in it.
        tokenizer(texts, truncation=True, max_length=sizes.tokens)
        score_rows(scored, leads.data.rows, positions, **how)

    calls: dict[str, Callable[[], Any]] = {
        "dense": partial(score, dense),
        "4 bit": partial(score, model, dense=False),
        "product": _product(leads.device, compute),
    }
    multiplies = engines() if leads.device.type == "cpu" else []
    calls |= {engine: partial(score, cpu_engine(model, engine)) for engine in multiplies}
    for call in calls.values():
        call()
    rivals = _pipelines(leads, sizes, texts)
    calls |= {kind: call for kind, (_, call) in rivals.items()}
    took = side_by_side(calls, min(sizes.repeats, 3))
    size = MATRIX if leads.device.type == "cpu" else MATRIX_ON_GPU
    rate = 2 * size**3 / took["product"]
    share = (
        100 * _products(model.encoder.dense().trunk, leads, positions) / took["dense"] / rate
    )
    n, kind = len(positions), str(compute).removeprefix("torch.")
    figures = [
        Figure(
            "4-bit model, unpacked once, over pipeline",
            took["hf 4 bit"] / took["dense"],
            "times",
            n,
            4.0,
        ),
        Figure(
            "  4-bit model, kept packed, over pipeline",
            took["hf 4 bit"] / took["4 bit"],
            "times",
            n,
            4.0,
        ),
        Figure("dense model over pipeline", took["hf"] / took["dense"], "times", n, 1.5),
        Figure("  leads a second, dense", n / took["dense"], "/s", n),
        Figure(f"  share of the {kind} product rate", share, "%", n, 60.0),
        Figure("  that rate", rate / 1e9, "GFLOP/s", size),
        Figure("  the pipeline's best batch, 4 bit", rivals["hf 4 bit"][0], "leads", n),
        Figure("  the pipeline's best batch, dense", rivals["hf"][0], "leads", n),
    ]
    for engine in multiplies:
        over_dense, over = took["dense"] / took[engine], took["hf 4 bit"] / took[engine]
        target = ENGINE_TARGETS.get(engine)
        figures.append(Figure(f"{engine} engine over dense", over_dense, "times", n, target))
        figures.append(Figure(f"  {engine} engine over the 4-bit pipeline", over, "times", n))
    return figures


def _product(device: torch.device, compute: torch.dtype) -> Callable[[], Any]:
    size = MATRIX if device.type == "cpu" else MATRIX_ON_GPU
    left, right = (torch.randn(size, size, device=device, dtype=compute) for _ in range(2))
    return lambda: left @ right


def _products(trunk: Any, leads: Leads, positions: NDArray[np.int64]) -> float:
    """Operations of the matrix products on these leads' own tokens, attention included."""
    weights = sum(m.weight.numel() for m in trunk.modules() if isinstance(m, torch.nn.Linear))
    length = leads.data.rows.length[positions].astype(float)
    config = trunk.config
    # Scores and their use of the values, over the half of the square that a decoder sees.
    attention = (
        2 * config.num_hidden_layers * config.hidden_size * (length * (length + 1)).sum()
    )
    return 2 * weights * length.sum() + attention


def _pipelines(
    leads: Leads, sizes: Sizes, texts: list[str]
) -> dict[str, tuple[int, Callable[[], Any]]]:
    """The pipeline on dense weights and on 4-bit ones, each at its best batch size; which."""
    from transformers import BitsAndBytesConfig, pipeline

    settings, tokenizer = adapted(sizes), leads.data.tokenizer
    dtype = own_dtype(leads.device)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    best: dict[str, tuple[int, Callable[[], Any]]] = {}
    packed: dict[str, Any] = {"quantization_config": four_bit}
    for kind, how in (("hf", {}), ("hf 4 bit", packed)):
        model = rival_model(
            settings, tokenizer, dtype=dtype, device_map={"": leads.device}, **how
        )
        run = pipeline("text-classification", model=model.eval(), tokenizer=tokenizer)

        def score(some: list[str], size: int, run: Any = run) -> Any:
            words = {"truncation": True, "max_length": sizes.tokens, "padding": True}
            return run(some, batch_size=size, function_to_apply="none", **words)

        few = texts[: max(max(BATCHES), len(texts) // 4)]
        score(few[:1], 1)
        trial = side_by_side({str(s): partial(score, few, s) for s in BATCHES}, 2)
        size = int(min(trial, key=lambda size: trial[size]))
        best[kind] = size, partial(score, texts, size)
    return best
