"""Training batches: the rows and the preference pairs among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from leadrank.model.rows import LeadRows
from leadrank.preference import Tier, preference_pairs
from leadrank.preference.settings import PreferenceSettings


class PairedRows(Dataset[dict[str, Any]]):
    """Training batches: the rows of `LeadRows` and the preference pairs among them.

    Args:
        rows: all rows.
        tiers: what wins over what, with thresholds.
        settings: which pairs count how much.
        seed: with the rows of a batch it fixes which pairs a cap keeps, on every worker and in
            a resumed run.
    """

    def __init__(
        self,
        rows: LeadRows,
        tiers: Sequence[Tier],
        settings: PreferenceSettings = PreferenceSettings(),  # noqa: B008
        seed: int = 0,
    ) -> None:
        self.rows, self.tiers, self.settings, self.seed = rows, tiers, settings, seed

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: NDArray[np.int64]) -> dict[str, Any]:
        batch = self.rows[positions]
        pairs = preference_pairs(
            batch["stage"],
            batch["stage_known"],
            batch["lost"],
            batch["follow_up"] > 0,
            batch["lead"],
            tiers=self.tiers,
            signal=batch["signal"],
            signal_known=batch["signal_known"],
            group=batch["group"],
            group_known=batch["group_known"],
            row_weight=batch["follow_up"],
            scope=self.settings.pair_scope,
            group_weight=self.settings.group_weight,
            max_losers_per_winner=self.settings.max_losers_per_winner,
            per_winner=self.settings.per_winner,
            generator=_generator(self.seed, positions),
        )
        return {**batch, "pairs": pairs}


def _generator(seed: int, positions: NDArray[np.int64]) -> torch.Generator:
    words = np.random.SeedSequence([seed, *positions.tolist()]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]) >> 1)
