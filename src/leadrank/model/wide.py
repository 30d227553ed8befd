"""The wide branch: a fixed sparse linear score of the text's n-grams beside the deep one.

Source: Wide & Deep (Cheng et al. 2016, arXiv 1606.07792). What is given up: it stays as the
probe fitted it, because its penalised fit is already the best it can do and stepping thousands
of rare words along with the head only unlearns the penalty. So it is one number a lead.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.text.ngrams import NGrams


@dataclass(frozen=True)
class WideBranch:
    """A weight for each n-gram [v], in logits."""

    ngrams: NGrams
    weight: NDArray[np.float32]

    def score(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """[n] logits that the text's n-grams add."""
        return (self.ngrams.encode(rows) @ self.weight).astype(np.float32)

    def to_dict(self) -> dict:
        """Plain data for a JSON file."""
        return {**self.ngrams.to_dict(), "weight": self.weight.tolist()}

    @classmethod
    def from_dict(cls, data: dict) -> "WideBranch":
        """The inverse of `to_dict`."""
        return cls(NGrams.from_dict(data), np.array(data["weight"], np.float32))
