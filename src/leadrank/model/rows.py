"""All rows as tensors, and batches of them, padded to their longest row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from leadrank.funnel import LeadTable
from leadrank.model.field_features import FieldFeatures
from leadrank.text import TokenStore

if TYPE_CHECKING:
    from leadrank.model.frozen import Frozen

COLUMNS = (
    *("row_id", "lead", "group", "group_known", "fields", "label", "stage", "stage_known"),
    *("lost", "mature", "follow_up", "weight", "rate", "wide", "signal", "signal_known"),
)
PAD = 0  # any id: the attention mask says what counts


class LeadRows(Dataset[dict[str, Any]]):
    """The lead table as tensors; indexed by an array of positions, it gives a batch.

    Args:
        table: the lead table.
        tokens: its token ids, row by row.
        features: turns its fields into numbers.

    `wide` is what the text's n-grams add to each score, 0 until somebody says otherwise.
    """

    def __init__(self, table: LeadTable, tokens: TokenStore, features: FieldFeatures) -> None:
        rows = table.rows
        self.tokens = tokens
        self.length = np.asarray(tokens.lengths, np.int64)
        self.row_id = torch.from_numpy(rows["row_id"].to_numpy().copy())
        self.fields = features.encode(rows)
        self.label = _numbers(rows["label"], torch.float32)
        self.stage = _numbers(rows["stage"], torch.int64)
        self.stage_known = torch.from_numpy(rows["stage"].is_not_null().to_numpy().copy())
        self.lost = torch.from_numpy(rows["lost"].to_numpy().copy())
        self.mature = torch.from_numpy(rows["mature"].to_numpy().copy())
        self.follow_up = self.mature.float()
        self.weight = _numbers(rows["weight"], torch.float32)
        self.lead, self.group = codes(rows["lead_id"]), codes(rows["group"])
        self.group_known = torch.from_numpy(rows["group"].is_not_null().to_numpy().copy())
        self.rate = torch.ones(len(rows))
        self.wide = torch.zeros(len(rows))
        signals = rows.select(signal.column for signal in table.crm.soft_signals)
        self.signal, self.signal_known = _table(signals, len(rows))
        self.frozen: Frozen | None = None

    def __len__(self) -> int:
        return len(self.row_id)

    def __getitem__(self, positions: NDArray[np.int64] | int) -> dict[str, Any]:
        index = torch.as_tensor(np.atleast_1d(positions))
        batch = {name: getattr(self, name)[index] for name in COLUMNS}
        vectors = self.frozen.pooled(index.numpy()) if self.frozen is not None else None
        if vectors is not None:
            return {**batch, "vectors": vectors}
        ids, mask = pad([self.tokens[int(i)] for i in index])
        batch |= {"input_ids": ids, "attention_mask": mask}
        states = self.frozen.batch(index.numpy()) if self.frozen is not None else None
        return batch if states is None else {**batch, "states": states}

    def cost(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """[n] tokens that the model reads of these rows: 1 where their vectors are kept."""
        kept = self.frozen is not None and self.frozen.keeps(positions)
        return np.ones(len(positions), np.int64) if kept else self.length[positions]

    def stratum(self) -> NDArray[np.int64]:
        """[rows] one code for each (label, stage known, stage, lost)."""
        return np.asarray(
            ((self.label.long() * 2 + self.stage_known.long()) * 128 + self.stage) * 2
            + self.lost.long()
        )


def distinct_prompts(
    tokens: TokenStore, positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each distinct prompt comes first [prompts], and each one's prompt [n].

    Both count within `positions`, prompts in the order of their first appearance.
    """
    number: dict[bytes, int] = {}
    contents = (tokens[int(position)].tobytes() for position in positions)
    prompt = np.array([number.setdefault(one, len(number)) for one in contents], np.int64)
    first = np.unique(prompt, return_index=True)[1].astype(np.int64)
    return first, prompt


def pad(ids: Sequence[NDArray]) -> tuple[Tensor, Tensor]:
    """[n t] ids padded on the right, and their attention mask."""
    longest = max(len(row) for row in ids)
    padded = torch.full((len(ids), longest), PAD)
    mask = torch.zeros((len(ids), longest), dtype=torch.int64)
    for row, tokens in enumerate(ids):
        padded[row, : len(tokens)] = torch.from_numpy(np.asarray(tokens, np.int64))
        mask[row, : len(tokens)] = 1
    return padded, mask


def codes(column: pl.Series) -> Tensor:
    """[n] int64: equal values have equal codes; null is a value like any other."""
    return torch.from_numpy(column.rank("dense").fill_null(0).cast(pl.Int64).to_numpy().copy())


def _numbers(column: pl.Series, dtype: torch.dtype) -> Tensor:
    """Nulls become 0: every reader also reads the mask that says where a value is known."""
    return torch.from_numpy(column.fill_null(0).to_numpy().copy()).to(dtype)


def _table(columns: pl.DataFrame, rows: int) -> tuple[Tensor, Tensor]:
    """[n s] values of these columns, and where they are known; s may be 0."""
    values = columns.fill_null(0).to_numpy().astype(np.float32).reshape(rows, columns.width)
    known = (
        columns.select(pl.all().is_not_null())
        .to_numpy()
        .astype(bool)
        .reshape(rows, columns.width)
    )
    return torch.from_numpy(values), torch.from_numpy(known)


def default_scoring_tokens(on_gpu: bool) -> int:
    """Tokens in a scoring batch: what a CPU's caches hold, or enough to keep a GPU busy."""
    return 65_536 if on_gpu else 1024


def scoring_batches(
    length: NDArray, *, max_tokens: int, rank: int = 0, world_size: int = 1
) -> list[NDArray[np.int64]]:
    """Positions of rows in batches of like length, each at most `max_tokens` with its padding.

    Every row is in one batch of one rank; longest first, so that memory runs out at once or
    never. A single row may be longer than `max_tokens`.
    """
    sorted_by_digits = torch.from_numpy(np.asarray(length, np.int32))
    order = sorted_by_digits.argsort(descending=True, stable=True).numpy()
    tokens = length[order].tolist()
    batches, start = [], 0
    while start < len(order):
        count = max(1, max_tokens // max(1, tokens[start]))
        batches.append(order[start : start + count])
        start += count
    return batches[rank::world_size]
