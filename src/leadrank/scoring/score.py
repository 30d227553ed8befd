"""Scores rows with a model: no gradients, no pairs, each row once."""

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.model.lead_model import LeadModel
from leadrank.model.rows import LeadRows, default_scoring_tokens, scoring_batches

MODEL_INPUTS = ("input_ids", "attention_mask", "states", "vectors", "fields", "wide")


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
    scorer = model.dense() if dense and (cost > 1).any() else model
    device = next(scorer.parameters()).device
    scores = np.empty(len(positions))
    max_tokens = max_tokens or default_scoring_tokens(device.type == "cuda")
    batches = scoring_batches(cost, max_tokens=max_tokens)
    with tqdm(total=len(positions), desc="scoring", unit="lead", delay=2, ncols=80) as bar:
        for batch in batches:
            inputs = rows[positions[batch]]
            moved = {name: inputs[name].to(device) for name in MODEL_INPUTS if name in inputs}
            scores[batch] = scorer(moved).double().cpu().numpy()
            bar.update(len(batch))
    model.train(was_training)
    return scores
