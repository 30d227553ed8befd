"""Scores rows with a model: no gradients, no pairs, each row once, each prompt read once."""

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.model.lead_model import LeadModel
from leadrank.model.rows import (
    LeadRows,
    default_scoring_tokens,
    distinct_prompts,
    scoring_batches,
)

ENCODER_INPUTS = ("input_ids", "attention_mask", "states", "vectors")


@torch.inference_mode()
def score_rows(
    model: LeadModel,
    rows: LeadRows,
    positions: NDArray[np.int64],
    *,
    max_tokens: int | None = None,
    dense: bool = True,
) -> NDArray[np.float64]:
    """[len(positions)] logits of the rows at these positions, in their order.

    Rows of the same prompt, which may differ in their fields, share one pass of the encoder.

    Args:
        model: its mode (training or not) is left as it was.
        rows: the table as tensors.
        positions: which rows.
        max_tokens: most tokens in a batch, padding included; None: what suits the device.
        dense: unpack and merge the weights once; false scores in 4 bit.
    """
    was_training = model.training
    model.eval()
    cost = rows.cost(positions)
    # Leads whose vectors are kept are one token each, and no weights are unpacked for them.
    reads = bool((cost > 1).any())
    scorer = model.dense() if dense and reads else model
    device = next(scorer.parameters()).device
    scores = np.empty(len(positions))
    max_tokens = max_tokens or default_scoring_tokens(device.type == "cuda")
    every = np.arange(len(positions))
    first, prompt = distinct_prompts(rows.tokens, positions) if reads else (every, every)
    of_prompt = np.split(np.argsort(prompt, kind="stable"), np.cumsum(np.bincount(prompt))[:-1])
    batches = scoring_batches(cost[first], max_tokens=max_tokens)
    # Inside another bar (a rehearsed test's days) it goes when it is done.
    with tqdm(
        total=len(positions), desc="scoring", unit="lead", delay=2, ncols=80, leave=None
    ) as bar:
        for batch in batches:
            inputs = rows[positions[first[batch]]]
            moved = {n: inputs[n].to(device) for n in ENCODER_INPUTS if n in inputs}
            vectors = scorer.vectors(moved)
            members = [of_prompt[number] for number in batch]
            share = torch.from_numpy(np.repeat(np.arange(len(batch)), list(map(len, members))))
            chosen = np.concatenate(members)
            scores[chosen] = _head(scorer, vectors[share], rows, positions[chosen])
            bar.update(len(chosen))
    model.train(was_training)
    return scores


def _head(
    model: LeadModel, vectors: torch.Tensor, rows: LeadRows, positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[n] scores of rows from the vectors of their prompts [n d]."""
    fields, wide = (column[positions].to(vectors.device) for column in (rows.fields, rows.wide))
    return model.head(vectors, fields, wide).score.double().cpu().numpy()
