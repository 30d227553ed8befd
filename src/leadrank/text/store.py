"""The tokens of all rows: flat ids with offsets, memory-mapped, and what was cut to fit."""

import dataclasses
import json
import os
import shutil
import uuid
from pathlib import Path

import numpy as np

from leadrank.text.prompt import PromptTemplate, load_template, save_template


@dataclasses.dataclass(frozen=True)
class Cuts:
    """What the prompts lost, counted over all rows; tokens are of the template's tokenizer.

    `characters` were left out of very long texts before tokenising and are not in `tokens`.
    `values_shortened` are long categorical values; `missing_values` fields left out because
    they are empty.
    """

    rows: int = 0
    rows_cut: int = 0
    blocks_dropped: int = 0
    blocks_shortened: int = 0
    fields_dropped: int = 0
    values_shortened: int = 0
    tokens: int = 0
    characters: int = 0
    missing_values: int = 0

    def __add__(self, other: "Cuts") -> "Cuts":
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(other)
        return Cuts(*(a + b for a, b in zip(mine, theirs, strict=True)))

    def __str__(self) -> str:
        if not self.rows_cut:
            return f"none of {self.rows:,} prompts cut"
        return (
            f"{self.rows_cut:,} of {self.rows:,} prompts cut: {self.blocks_dropped} texts "
            f"dropped, {self.blocks_shortened} shortened, {self.fields_dropped} fields "
            f"dropped, {self.tokens} tokens lost"
        )


@dataclasses.dataclass(frozen=True)
class TokenStore:
    """Token ids of every row: `ids` [tokens] int32, `offsets` [rows + 1] int64.

    Row i of the store is row i of the table it was made from. `template` is the one that was
    used, with `cut_first` set: the one to save with a run.
    """

    ids: np.ndarray
    offsets: np.ndarray
    template: PromptTemplate
    cuts: Cuts
    fingerprint: str

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        """Return the ids [tokens] int32 of one row, counted from 0; raises IndexError."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a token store of {len(self)} rows")
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row [rows] int64, at least 1."""
        return np.diff(self.offsets)


def write_store(store: TokenStore, cache: Path) -> Path:
    """Write the store to `cache/fingerprint` in one step and return that folder."""
    folder, partial = cache / store.fingerprint, cache / f".partial-{uuid.uuid4().hex}"
    partial.mkdir(parents=True)
    try:
        np.save(partial / "ids.npy", store.ids)
        np.save(partial / "offsets.npy", store.offsets)
        save_template(store.template, partial)
        (partial / "cuts.json").write_text(json.dumps(dataclasses.asdict(store.cuts), indent=1))
        os.rename(partial, folder)
    except OSError:
        if not folder.is_dir():  # otherwise another process was first, with the same content
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def open_store(folder: Path) -> TokenStore:
    """Open a written store; the ids stay on disk and are paged in as they are read."""
    cuts = Cuts(**json.loads((folder / "cuts.json").read_text()))
    ids, offsets = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("ids", "offsets")
    )
    return TokenStore(ids, offsets, load_template(folder), cuts, folder.name)
