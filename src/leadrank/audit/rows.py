"""The training rows that an audit looks at, and all pairs of the tiers among them.

All pairs of a large table are too many. So each stratum (stage, lost) gives at most so many
rows, and a row weighs as many as it stands for: counts and shares estimate the whole table's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from leadrank.errors import UserError
from leadrank.funnel import LeadTable
from leadrank.preference import Pairs, Tier, preference_pairs, with_thresholds

MOST_ROWS = 1500


@dataclass(frozen=True)
class AuditedRows:
    """Mature training rows, and the pairs of the tiers among them.

    Args:
        rows: of the lead table [n].
        tiers: with thresholds.
        sample: positions of the rows that pairs were made of [k].
        pairs: of the sample; `winner` and `loser` are positions in `rows`, `weight` estimates
            how many pairs of the whole table each stands for.
        row_weight: how many rows each of the sample stands for [k].
    """

    rows: pl.DataFrame
    tiers: tuple[Tier, ...]
    sample: NDArray[np.int64]
    pairs: Pairs
    row_weight: NDArray[np.float32]

    @property
    def label(self) -> NDArray[np.int64]:
        """[n] 1 = ordered."""
        return self.rows["label"].cast(pl.Int64).to_numpy()

    @property
    def lead(self) -> NDArray[np.int64]:
        """[n] codes of the leads, from 0."""
        return (self.rows["lead_id"].rank("dense").cast(pl.Int64) - 1).to_numpy()


def audited_rows(
    table: LeadTable, tiers: Sequence[Tier], *, most: int = MOST_ROWS, seed: int = 0
) -> AuditedRows:
    """The mature training rows of a table and their pairs; thresholds are learned on them.

    Args:
        table: the lead table.
        tiers: what wins over what.
        most: rows that pairs are made of, about.
        seed: which rows these are.

    Raises:
        UserError: where the table has no mature training row.
    """
    rows = table.part("train").filter("mature")
    if rows.is_empty():
        raise UserError(f"{table.crm.path}: no training row is mature; nothing to audit")
    signals = [signal.column for signal in table.crm.soft_signals]
    value = _numbers(rows, signals)
    known = torch.isfinite(value)
    signal = torch.nan_to_num(value)
    ready = with_thresholds(tiers, signal, known)
    sample, weight = _sample(rows, most, seed)
    chosen = torch.from_numpy(sample)
    picked = rows[sample.tolist()]
    pairs = preference_pairs(
        _codes(picked["stage"].fill_null(0)),
        torch.from_numpy(picked["stage"].is_not_null().to_numpy().copy()),
        torch.from_numpy(picked["lost"].fill_null(False).to_numpy().copy()),
        torch.ones(len(sample), dtype=torch.bool),
        _codes(picked["lead_id"].rank("dense")),
        tiers=ready,
        signal=signal[chosen],
        signal_known=known[chosen],
        row_weight=torch.from_numpy(weight),
    )
    whole = pairs._replace(winner=chosen[pairs.winner], loser=chosen[pairs.loser])
    return AuditedRows(rows, tuple(ready), sample, whole, weight)


def _sample(
    rows: pl.DataFrame, most: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Positions of about `most` rows, evenly over strata, and how many each stands for."""
    stratum = rows.select(pl.struct("stage", "lost").rank("dense")).to_series().to_numpy()
    values, count = np.unique(stratum, return_counts=True)
    each = max(1, most // len(values))
    random = np.random.default_rng(seed)
    chosen, weight = [], []
    for value, size in zip(values, count, strict=True):
        kept = random.permutation(np.flatnonzero(stratum == value))[:each]
        chosen.append(kept)
        weight.append(np.full(len(kept), size / len(kept), np.float32))
    return np.concatenate(chosen), np.concatenate(weight)


def _numbers(rows: pl.DataFrame, columns: Sequence[str]) -> torch.Tensor:
    """[n s] float32, NaN where missing."""
    if not columns:
        return torch.zeros((rows.height, 0))
    found = [rows[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in columns]
    return torch.from_numpy(np.column_stack(found).astype(np.float32))


def _codes(column: pl.Series) -> torch.Tensor:
    return torch.from_numpy(column.cast(pl.Int64).to_numpy().copy())
