"""One CRM as every compared system sees it, and what a system gives back."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from leadrank.evaluation.lightgbm import field_inputs
from leadrank.funnel import LeadTable
from leadrank.model.encoder import EncoderSettings, LeadEncoder
from leadrank.model.frozen import compute_frozen
from leadrank.training.data import LeadDataModule


@dataclass(frozen=True)
class Scored:
    """What a system says of a table.

    Args:
        score: what leads are ranked by [rows]; NaN where not asked, which is anywhere but on
            validation and test.
        chosen: what the tuning chose, for a JSON file.
        logit: whether sigmoid(score) is meant as a probability; the calibration error before
            calibration is measured only then.
    """

    score: NDArray[np.float64]
    chosen: dict[str, Any]
    logit: bool = False


@dataclass(frozen=True)
class Study:
    """One CRM, split, as every system sees it: the outcomes of the test part are hidden.

    Args:
        data: set up; on test rows its tensors hold 0 for every outcome.
        table: the lead table; label, stage, lost, order_days and soft signals are null on test
            rows.
        encoder: of the frozen trunk that `vectors` come from.
        memory: what a system keeps from one seed to the next, under a key of its own.
    """

    data: LeadDataModule
    table: LeadTable
    encoder: EncoderSettings = EncoderSettings(adapt="none")
    memory: dict[str, Any] = field(default_factory=dict)

    def positions(self, part: str) -> NDArray[np.int64]:
        """Usable mature rows of train, validation or test: their positions in the table."""
        return self.data.positions(part)

    @cached_property
    def fields(self) -> NDArray[np.float32]:
        """[rows f] field features for linear models and networks, in [0, 1]."""
        return self.data.rows.fields.numpy()

    @cached_property
    def raw(self) -> tuple[NDArray[np.float64], list[int]]:
        """[rows fields] numbers and category codes, NaN where missing; which are codes."""
        return field_inputs(self.table)

    @cached_property
    def texts(self) -> list[str]:
        """[rows] all notes of each row, newest first, in one string."""
        notes = pl.col("text").list.eval(pl.element().struct.field("text")).list.join("\n")
        return self.table.rows.select(notes.fill_null("")).to_series().to_list()

    @cached_property
    def ngrams(self) -> csr_matrix:
        """[rows v] words and word pairs, learned on the training rows."""
        return self.data.ngrams.encode(self.table.rows)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """[rows d] the frozen trunk's pooled vectors, from the cache where they are there."""
        encoder = LeadEncoder(self.encoder)
        rows, used = self.data.rows, self.data.used_positions()
        frozen = compute_frozen(encoder, rows, used, max_tokens=self.data.scoring_tokens)
        return frozen.vectors()
