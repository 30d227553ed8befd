"""Training batches: the rows and the preference pairs among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from leadrank.model.rows import LeadRows
from leadrank.preference import Tier, preference_pairs


class PairedRows(Dataset[dict[str, Any]]):
    """Training batches: the rows of `LeadRows` and the preference pairs among them."""

    def __init__(self, rows: LeadRows, tiers: Sequence[Tier]) -> None:
        self.rows, self.tiers = rows, tiers

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: NDArray[np.int64]) -> dict[str, Any]:
        batch = self.rows[positions]
        keys = ("stage", "stage_known", "lost", "mature", "lead")
        pairs = preference_pairs(*(batch[key] for key in keys), tiers=self.tiers)
        return {**batch, "pairs": pairs}
