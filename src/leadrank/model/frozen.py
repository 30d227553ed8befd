"""What the frozen trunk makes of each prompt, computed once and kept on disk.

For every distinct prompt: its pooled vector through the whole frozen trunk (the probe reads
it) and the states that enter the lowest adapted layer (training and validation start there).
States are kept in float32: half precision would save half the disk and move scores by 1e-3.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bitsandbytes
import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.model.base_model import LOCAL, cache_folder
from leadrank.model.encoder import LeadEncoder, pool
from leadrank.model.rows import LeadRows, pad, scoring_batches
from leadrank.model.trunk_parts import can_part, lower_states, upper_states

#: All kept states together; the least recently used files go first.
STATES_BYTES = 12 * 2**30
#: Raised when the same trunk and prompts give other numbers.
FORMAT = 1


@dataclass(frozen=True)
class Frozen:
    """Per distinct prompt: pooled vectors, and states at the lowest adapted layer.

    `prompt` [rows]: which distinct prompt each row has, -1 for rows that were not asked for;
    `features` [prompts d]; `states` [tokens d] or None; `offsets` [prompts + 1] into states.
    """

    prompt: NDArray[np.int64]
    features: NDArray[np.float32]
    states: NDArray[np.float32] | None
    offsets: NDArray[np.int64]

    def vectors(self) -> NDArray[np.float32]:
        """[rows d] pooled vectors; zero for rows that were not asked for."""
        found = self.features[self.prompt]
        found[self.prompt < 0] = 0
        return found

    def batch(self, positions: NDArray[np.int64]) -> torch.Tensor | None:
        """[n t d] states of these rows, padded on the right; None when there are none."""
        prompts = self.prompt[positions]
        if self.states is None or (prompts < 0).any():
            return None
        lengths = self.offsets[prompts + 1] - self.offsets[prompts]
        padded = torch.zeros(len(prompts), int(lengths.max()), self.states.shape[1])
        for row, (prompt, length) in enumerate(zip(prompts, lengths, strict=True)):
            start = self.offsets[prompt]
            padded[row, :length] = torch.from_numpy(
                np.array(self.states[start : start + length])
            )
        return padded


def compute_frozen(
    encoder: LeadEncoder, rows: LeadRows, positions: NDArray[np.int64], *, max_tokens: int
) -> Frozen:
    """The frozen trunk's work on the rows at `positions`, from the cache where it is there.

    Adapters, trained or not, are left out. States are kept only where starting from them is
    exact (`can_part`) and they fit the cache.
    """
    first, prompt = _distinct(rows, positions)
    lengths = rows.length[first]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    size = int(offsets[-1]) * encoder.width * 4
    at = encoder.settings.adapt_from
    adapts = encoder.settings.adapt != "none"
    keep = adapts and size <= STATES_BYTES and can_part(encoder.trunk, at)
    key = _key(encoder, rows, first)
    wanted = {cache_folder() / "features" / f"{key}.npy": (len(first), encoder.width)}
    states_file = cache_folder() / "states" / f"{key}-{at}.npy"
    if keep and (states_file.is_file() or _make_room(states_file.parent, size)):
        wanted[states_file] = (int(offsets[-1]), encoder.width)
    if not all(file.is_file() for file in wanted):
        with _writing(wanted) as arrays:
            _fill(encoder, rows, first, offsets, arrays, max_tokens)
    features, *states = (np.load(file, mmap_mode="r") for file in wanted)
    for file in wanted:
        file.touch()
    return Frozen(prompt, np.array(features), states[0] if states else None, offsets)


def _distinct(rows: LeadRows, positions: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """The first position of each distinct prompt, and each row's prompt (-1: not asked for)."""
    number: dict[bytes, int] = {}
    first: list[int] = []
    prompt = np.full(len(rows), -1)
    for position in positions:
        content = rows.tokens[int(position)].tobytes()
        if content not in number:
            number[content] = len(first)
            first.append(int(position))
        prompt[position] = number[content]
    return np.array(first, np.int64), prompt


def _key(encoder: LeadEncoder, rows: LeadRows, first: NDArray[np.int64]) -> str:
    """Fingerprint of the frozen trunk and of the prompts; adapters do not matter."""
    settings, base = encoder.settings, encoder.base
    content = [
        base.id,
        # The numbers differ with these in their last digits, or more.
        FORMAT,
        str(encoder.compute),
        transformers.__version__,
        bitsandbytes.__version__,
        # A folder's weights may be trained on in place; a revision's may not.
        base.weight_hash() if base.revision == LOCAL else base.revision,
        settings.quantisation,
        settings.layers,
        settings.pooling,
        rows.tokens.fingerprint,
        hashlib.sha256(first.tobytes()).hexdigest(),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


@torch.inference_mode()
def _fill(
    encoder: LeadEncoder,
    rows: LeadRows,
    first: NDArray[np.int64],
    offsets: NDArray[np.int64],
    arrays: list[NDArray[np.float32]],
    max_tokens: int,
) -> None:
    """One pass over the distinct prompts: states into the second array if there is one."""
    features, *states = arrays
    dense, at = encoder.dense(adapted=False), encoder.settings.adapt_from
    device = next(encoder.parameters()).device
    with tqdm(total=len(first), desc="frozen trunk", unit="lead", ncols=80) as bar:
        for batch in scoring_batches(rows.length[first], max_tokens=max_tokens):
            ids, mask = pad([rows.tokens[int(first[k])] for k in batch])
            ids, mask = ids.to(device), mask.to(device)
            if states:
                entering = lower_states(dense.trunk, at, ids, mask)
                _store(states[0], entering.float().cpu().numpy(), batch, offsets)
                last = upper_states(dense.trunk, at, entering, mask)
                vectors = pool(last.float(), mask, how=encoder.settings.pooling)
            else:
                vectors = dense(ids, mask)
            features[batch] = vectors.cpu().numpy()
            bar.update(len(batch))


def _store(
    states: NDArray[np.float32], entering: NDArray, batch: NDArray, offsets: NDArray
) -> None:
    for row, prompt in enumerate(batch):
        start, stop = offsets[prompt], offsets[prompt + 1]
        states[start:stop] = entering[row, : stop - start]


@contextmanager
def _writing(wanted: dict[Path, tuple[int, int]]) -> Iterator[list[NDArray[np.float32]]]:
    """Arrays on disk that appear under their names only when the block has ended well."""
    unfinished = {}
    for file in wanted:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished[file] = file.with_name(f".{file.stem}-{os.getpid()}.npy")
    try:
        yield [
            np.lib.format.open_memmap(unfinished[file], "w+", np.float32, shape)
            for file, shape in wanted.items()
        ]
        for file, temporary in unfinished.items():
            os.replace(temporary, file)
    finally:
        for temporary in unfinished.values():
            temporary.unlink(missing_ok=True)


def _make_room(folder: Path, size: int) -> bool:
    """Deletes the least recently used states until `size` more bytes fit the bound.

    Returns whether the disk has room for them: a file that outgrows it would crash the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(folder.glob("[!.]*.npy"), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total + size <= STATES_BYTES:
            break
        total -= file.stat().st_size
        file.unlink(missing_ok=True)
    return shutil.disk_usage(folder).free > 2 * size
