"""What the frozen trunk makes of each prompt, computed once and kept on disk.

For every distinct prompt: its pooled vector through the whole frozen trunk (the probe reads
it) and the states that enter the lowest adapted layer (training and validation start there).
On a CPU states are kept in float32, or in half precision, which takes half the disk and rounds
each by 5e-4 of itself: `docs/performance.md` says by how much that moves a score. A GPU keeps
none.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bitsandbytes
import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.errors import UserError
from leadrank.model.base_model import LOCAL, cache_folder
from leadrank.model.encoder import LeadEncoder, pool
from leadrank.model.kept_arrays import Arrays, Wanted, make_room, write_arrays
from leadrank.model.rows import LeadRows, distinct_prompts, pad, scoring_batches
from leadrank.model.team import Team
from leadrank.model.trunk_parts import can_part, lower_states, upper_states

#: All kept states together; the least recently used files go first.
STATES_BYTES = 12 * 2**30
#: Raised when the same trunk and prompts give other numbers.
FORMAT = 1
#: How the states are kept: see `data.states`.
States = Literal["auto", "float32", "float16", "none"]


@dataclass(frozen=True)
class Frozen:
    """Per distinct prompt: pooled vectors, and states at the lowest adapted layer.

    `prompt` [rows]: which distinct prompt each row has, -1 for rows that were not asked for;
    `features` [prompts d]; `states` [tokens d] or None; `offsets` [prompts + 1] into states.
    `final`: nothing is adapted, so the vectors are the encoder's own and stay it.
    """

    prompt: NDArray[np.int64]
    features: NDArray[np.float32]
    states: NDArray[np.floating] | None
    offsets: NDArray[np.int64]
    final: bool = False

    def pooled(self, positions: NDArray[np.int64]) -> torch.Tensor | None:
        """[n d] the encoder's vectors of these rows; None where they are not kept for good."""
        if not self.keeps(positions):
            return None
        return torch.from_numpy(self.features[self.prompt[positions]])

    def keeps(self, positions: NDArray[np.int64]) -> bool:
        """Whether the encoder's vectors of these rows are kept for good."""
        return self.final and bool((self.prompt[positions] >= 0).all())

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
    encoder: LeadEncoder,
    rows: LeadRows,
    positions: NDArray[np.int64],
    *,
    max_tokens: int,
    together: bool = False,
    kept_as: States = "auto",
) -> Frozen:
    """The frozen trunk's work on the rows at `positions`, from the cache where it is there.

    Adapters, trained or not, are left out. States are kept only where starting from them is
    exact (`can_part`) and they fit the cache. With `together` all ranks call it at once, and
    the processes of one machine share the work; a machine does not use another's. `kept_as`
    is of the states, `data.states`; UserError where one does not fit half precision.
    """
    team = Team(together)
    first, prompts = distinct_prompts(rows.tokens, positions)
    first, prompt = positions[first], np.full(len(rows), -1)
    prompt[positions] = prompts
    offsets = np.concatenate([[0], np.cumsum(rows.length[first])])
    wanted = team.lead(lambda: _wanted(encoder, rows, first, int(offsets[-1]), kept_as))

    def fill(arrays: Arrays) -> None:
        if arrays:
            _fill(encoder, rows, first, offsets, arrays, max_tokens, team)

    write_arrays(wanted, fill, team)
    features, *states = (np.load(file, mmap_mode="r") for file in wanted)
    for file in wanted:
        file.touch()
    final = encoder.settings.adapt == "none"
    return Frozen(prompt, np.array(features), states[0] if states else None, offsets, final)


def on_device(kept_as: States, device: torch.device) -> States:
    """What `auto` comes to: a GPU runs the frozen layers faster than it gets their states."""
    if kept_as != "auto":
        return kept_as
    return "none" if device.type == "cuda" else "float32"


def _wanted(
    encoder: LeadEncoder, rows: LeadRows, first: NDArray[np.int64], tokens: int, kept_as: States
) -> dict[Path, Wanted]:
    """File and shape of the features, and of the states where they are kept."""
    at, width, key = encoder.settings.adapt_from, encoder.width, _key(encoder, rows, first)
    wanted = {cache_folder() / "features" / f"{key}.npy": Wanted(len(first), width)}
    if encoder.settings.adapt == "none":
        return wanted
    kept_as = on_device(kept_as, next(encoder.parameters()).device)
    if kept_as == "none":
        return wanted
    size = tokens * width * np.dtype(kept_as).itemsize
    if size <= STATES_BYTES and can_part(encoder.trunk, at):
        half = "-half" if kept_as == "float16" else ""
        file = cache_folder() / "states" / f"{key}-{at}{half}.npy"
        if file.is_file() or make_room(file.parent, size, STATES_BYTES):
            wanted[file] = Wanted(tokens, width, kept_as)
    return wanted


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
    arrays: Arrays,
    max_tokens: int,
    team: Team,
) -> None:
    """This process's share of the prompts: states into the second array if there is one."""
    features, *states = arrays
    dense, at = encoder.dense(adapted=False), encoder.settings.adapt_from
    device = next(encoder.parameters()).device
    batches = scoring_batches(
        rows.length[first], max_tokens=max_tokens, rank=team.number, world_size=team.count
    )
    own = sum(map(len, batches))
    with tqdm(
        total=own, desc="frozen trunk", unit="lead", ncols=80, disable=team.number > 0
    ) as bar:
        for batch in batches:
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
    states: NDArray[np.floating], entering: NDArray, batch: NDArray, offsets: NDArray
) -> None:
    largest, room = float(np.abs(entering).max()), float(np.finfo(states.dtype).max)
    if largest > room:
        raise UserError(
            f"data.states: float16 holds up to {room:.0f}, and states of this base reach "
            f"{largest:.0f}; take data.states: float32"
        )
    for row, prompt in enumerate(batch):
        start, stop = offsets[prompt], offsets[prompt + 1]
        states[start:stop] = entering[row, : stop - start]
