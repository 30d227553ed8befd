"""What the frozen trunk says of a study's prompts: each set of prompts is read once.

Out-of-fold studies have fewer rows in their parts but the same prompts, so they read from here
what was computed for all rows; nothing in it was learned from an outcome.
"""

import time
from typing import Any

import torch

from leadrank.compare.hidden import data_over
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.frozen import Frozen, compute_frozen
from leadrank.text import TokenStore
from leadrank.training.data import LeadDataModule


class Trunk:
    """Token ids and frozen vectors of all rows of a study's parts, by prompt and encoder.

    Args:
        data: the whole study's data module.
    """

    def __init__(self, data: LeadDataModule) -> None:
        self.data = data
        #: Spent on passes so far; little where another process had kept them on disk.
        self.seconds = 0.0
        self._read: dict[str, tuple[TokenStore, Frozen]] = {}

    def read(self, like: Any, encoder: EncoderSettings) -> tuple[TokenStore, Frozen]:
        """The prompts of the data module `like`, and what the encoder's trunk makes of them."""
        key = repr((like.prompt, like.preference.maturity, encoder))
        if key not in self._read:
            began = time.monotonic()
            data = data_over(like, self.data.table)
            device = "cuda" if torch.cuda.is_available() else "cpu"
            frozen = compute_frozen(
                LeadEncoder(encoder, device),
                data.rows,
                data.used_positions(),
                max_tokens=data.scoring_tokens,
            )
            self._read[key] = data.tokens, frozen
            self.seconds += time.monotonic() - began
        return self._read[key]
