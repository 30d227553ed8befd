"""Text vectors of the frozen trunk, computed once per data and trunk and kept on disk."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from leadrank.model.encoder import LeadEncoder


def features_key(encoder: LeadEncoder, tokens: str) -> str:
    """Fingerprint of the frozen trunk and of the tokens it reads.

    Settings that only matter to the adapters are left out, so that runs that differ in them
    share one file.
    """
    trunk = {
        name: value
        for name, value in asdict(encoder.settings).items()
        if name in ("quantisation", "layers", "pooling")
    }
    content = {"tokens": tokens, "base": encoder.base.id, "revision": encoder.base.revision}
    return hashlib.sha256(json.dumps(content | trunk, sort_keys=True).encode()).hexdigest()[:24]


@torch.no_grad()
def frozen_features(
    encoder: LeadEncoder,
    batches: Iterable[dict[str, Tensor]],
    num_rows: int,
    file: Path | None = None,
) -> np.ndarray:
    """[num_rows, d] float32: the pooled vectors of the trunk without its adapters.

    Args:
        encoder: its adapters may be trained or not; they are left out.
        batches: batches with `position` (row of the result), `input_ids`, `attention_mask`;
            read only when `file` does not hold the vectors yet.
        num_rows: how many rows the result has; rows in no batch stay zero.
        file: where the vectors are kept; None keeps them nowhere.
    """
    if file is not None and file.is_file():
        kept = np.load(file)
        if kept.shape == (num_rows, encoder.width):
            return kept
    dense = encoder.dense(adapted=False)
    device = next(encoder.parameters()).device
    features = np.zeros((num_rows, encoder.width), np.float32)
    for batch in batches:
        vectors = dense(batch["input_ids"].to(device), batch["attention_mask"].to(device))
        features[batch["position"].numpy()] = vectors.float().cpu().numpy()
    if file is not None:
        _write_whole(file, features)
    return features


def _write_whole(file: Path, features: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=file.parent, suffix=".npy")
    with os.fdopen(handle, "wb") as stream:
        np.save(stream, features)
    os.replace(unfinished, file)
