"""Numeric and categorical fields as numbers in [0, 1] that a linear model can use well.

A numeric field becomes a piecewise-linear code over its training quantiles (Gorishniy et al.
2022, arXiv 2203.05556), so that a linear score can bend at each quantile; missing and zero have
indicators of their own, because "no visit" and "not known" are facts and not small numbers. A
categorical field becomes one indicator per level; missing is a level, and rare or unseen levels
share one.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from leadrank.model.crosses import choose_crosses

NUM_BINS = 16
MIN_LEVEL_ROWS = 10
MISSING = "(missing)"


@dataclass(frozen=True)
class NumericCode:
    """The quantile edges of one numeric field, ascending and distinct."""

    column: str
    edges: tuple[float, ...]

    def encode(self, rows: pl.DataFrame) -> np.ndarray:
        """[n, bins + 2]: how much of each bin lies below the value, missing, zero."""
        value = rows[self.column].cast(pl.Float64).to_numpy().astype(np.float64)
        missing = np.isnan(value)
        low, high = np.array(self.edges[:-1]), np.array(self.edges[1:])
        filled = np.where(missing, 0.0, value)[:, None]
        bins = np.clip((filled - low) / (high - low), 0.0, 1.0) * ~missing[:, None]
        return np.column_stack([bins, missing, (value == 0.0)])

    @property
    def names(self) -> list[str]:
        """One name per column of `encode`."""
        bins = [f"{self.column} {low:g} to {high:g}" for low, high in self._pairs()]
        return [*bins, f"{self.column} missing", f"{self.column} zero"]

    def _pairs(self) -> list[tuple[float, float]]:
        return list(zip(self.edges[:-1], self.edges[1:], strict=True))


@dataclass(frozen=True)
class CategoricalCode:
    """The levels of one categorical field that training rows hold often enough."""

    column: str
    levels: tuple[str, ...]

    def encode(self, rows: pl.DataFrame) -> np.ndarray:
        """[n, levels + 1]: one indicator per level, and one for every other value."""
        value = rows[self.column].fill_null(MISSING).to_numpy().astype(str)
        known = value[:, None] == np.array(self.levels, dtype=str)[None, :]
        return np.column_stack([known, ~known.any(1)])

    @property
    def names(self) -> list[str]:
        """One name per column of `encode`."""
        return [*(f"{self.column} = {level}" for level in self.levels), f"{self.column} other"]


@dataclass(frozen=True)
class FieldFeatures:
    """Turns the fields of a lead table into features; fitted on training rows only.

    `crosses`: pairs of features whose products a linear score may weigh too.
    """

    numeric: tuple[NumericCode, ...]
    categorical: tuple[CategoricalCode, ...]
    crosses: tuple[tuple[int, int], ...] = ()

    @classmethod
    def fit(
        cls, rows: pl.DataFrame, numeric: list[str], categorical: list[str]
    ) -> "FieldFeatures":
        """Learns edges, levels and crosses from the training rows."""
        codes = cls(
            tuple(NumericCode(c, _edges(rows[c])) for c in numeric),
            tuple(CategoricalCode(c, _levels(rows[c])) for c in categorical),
        )
        field = np.repeat(np.arange(len(codes._codes)), [len(c.names) for c in codes._codes])
        found = choose_crosses(codes.encode(rows).numpy(), field)
        return replace(codes, crosses=tuple((int(a), int(b)) for a, b in found))

    def encode(self, rows: pl.DataFrame) -> Tensor:
        """[n, width] float32."""
        blocks = [code.encode(rows) for code in self._codes]
        stacked = np.column_stack(blocks) if blocks else np.zeros((len(rows), 0))
        return torch.from_numpy(stacked.astype(np.float32))

    @property
    def names(self) -> list[str]:
        """One name per feature."""
        return [name for code in self._codes for name in code.names]

    @property
    def _codes(self) -> list[NumericCode | CategoricalCode]:
        return [*self.numeric, *self.categorical]

    def cross_columns(self) -> np.ndarray:
        """[c 2] columns of the features that are multiplied."""
        return np.array(self.crosses, np.int64).reshape(-1, 2)

    @property
    def width(self) -> int:
        """How many features."""
        return len(self.names)

    def to_dict(self) -> dict:
        """Plain data for a JSON or YAML file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict) -> "FieldFeatures":
        """The inverse of `to_dict`."""
        return cls(
            tuple(NumericCode(d["column"], tuple(d["edges"])) for d in data["numeric"]),
            tuple(
                CategoricalCode(d["column"], tuple(d["levels"])) for d in data["categorical"]
            ),
            tuple((left, right) for left, right in data.get("crosses", ())),
        )


def _edges(column: pl.Series) -> tuple[float, ...]:
    value = column.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
    if not len(value):
        return ()
    quantiles = np.quantile(value, np.linspace(0.0, 1.0, NUM_BINS + 1))
    return tuple(float(edge) for edge in np.unique(quantiles))


def _levels(column: pl.Series) -> tuple[str, ...]:
    counts = column.fill_null(MISSING).value_counts()
    often = counts.filter(pl.col("count") >= MIN_LEVEL_ROWS)
    return tuple(sorted(often[column.name].to_list()))
