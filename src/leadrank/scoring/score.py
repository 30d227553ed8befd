"""Scores rows with a model: no gradients, no pairs, each row once, each prompt read once."""

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.model.by_layer import TOKENS, reads_by_layer, vectors_by_layer
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
        dense: unpack and merge the weights once; false keeps them in 4 bit, on a CPU with one
            layer unpacked at a time.
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
    by_layer = reads and reads_by_layer(scorer.encoder)
    together = max(1, TOKENS // max_tokens) if by_layer else 1
    groups = [batches[k : k + together] for k in range(0, len(batches), together)]
    # Inside another bar (a rehearsed test's days) it goes when it is done.
    with tqdm(
        total=len(positions), desc="scoring", unit="lead", delay=2, ncols=80, leave=None
    ) as bar:
        for group in groups:
            given = [_inputs(rows, positions[first[batch]], device) for batch in group]
            vectors = (
                vectors_by_layer(scorer.encoder, given)
                if by_layer
                else [scorer.vectors(inputs) for inputs in given]
            )
            for batch, of_batch in zip(group, vectors, strict=True):
                members = [of_prompt[number] for number in batch]
                share = np.repeat(np.arange(len(batch)), list(map(len, members)))
                chosen = np.concatenate(members)
                each = of_batch[torch.from_numpy(share)]
                scores[chosen] = _head(scorer, each, rows, positions[chosen])
                bar.update(len(chosen))
    model.train(was_training)
    return scores


def _inputs(
    rows: LeadRows, positions: NDArray[np.int64], device: torch.device
) -> dict[str, torch.Tensor]:
    """What the encoder reads of these rows, on its device."""
    batch = rows[positions]
    return {name: batch[name].to(device) for name in ENCODER_INPUTS if name in batch}


def _head(
    model: LeadModel, vectors: torch.Tensor, rows: LeadRows, positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[n] scores of rows from the vectors of their prompts [n d]."""
    fields, wide = (column[positions].to(vectors.device) for column in (rows.fields, rows.wide))
    return model.head(vectors, fields, wide).score.double().cpu().numpy()
