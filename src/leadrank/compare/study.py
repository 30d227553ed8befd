"""One CRM as every compared system sees it, and what a system gives back."""

import contextlib
import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from leadrank.compare.hidden import as_test, data_over, hide_test
from leadrank.compare.trunk import Trunk
from leadrank.evaluation.lightgbm import field_inputs
from leadrank.funnel import LeadTable
from leadrank.model.encoder_settings import EncoderSettings
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
        trunk: what the frozen trunk says of the prompts.
        encoder: of the frozen trunk that `vectors` come from; its base, layers and quantisation
            are those of every system with an LLM.
        experiments: folder of the experiment files.
        max_epochs: most epochs of a head on frozen vectors.
        asked: of validation and test the positions that a dear system is asked to score; None:
            all.
        memory: what a system keeps from one seed to the next, under a key of its own.
    """

    data: LeadDataModule
    table: LeadTable
    trunk: Trunk
    encoder: EncoderSettings
    experiments: Path = Path("experiments")
    max_epochs: int = 20
    asked: NDArray[np.int64] | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def positions(self, part: str) -> NDArray[np.int64]:
        """Usable mature rows of train, validation or test: their positions in the table."""
        return self.data.positions(part)

    def scored_positions(self) -> NDArray[np.int64]:
        """Of validation, then test: the rows that a system must score."""
        if self.asked is not None:
            return self.asked
        return np.concatenate([self.positions(part) for part in ("validation", "test")])

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
        """[rows d] the frozen trunk's pooled vectors; zero for rows in no part."""
        _, frozen = self.trunk.read(self.data, self.encoder)
        return frozen.vectors()

    def with_test(self, positions: NDArray[np.int64]) -> "Study":
        """The same study with other rows for its test part, as cross-fitting needs it.

        These rows' outcomes are hidden, the old test rows are in no part, and the memory is
        empty: what a system keeps may have seen the rows that are now test.
        """
        table = as_test(self.table, positions)
        data = data_over(self.data, table)
        # Their template was fitted on all training rows, to their inputs alone.
        data.tokens = self.data.tokens
        return Study(
            _set_up(data), table, self.trunk, self.encoder, self.experiments, self.max_epochs
        )


def open_study(
    data: LeadDataModule, encoder: EncoderSettings, **settings: Any
) -> tuple[Study, pl.DataFrame]:
    """The study of a data module that is not set up, and the rows of its test part.

    Those are for the one who measures; the study holds no outcome of them.
    """
    seen = data.table
    rows = seen.rows.with_row_index("position")
    test = rows.filter((pl.col("part") == "test") & pl.col("mature"))
    table = hide_test(seen)
    hidden = _set_up(data_over(data, table))
    return Study(hidden, table, Trunk(hidden), encoder, **settings), test


def _set_up(data: LeadDataModule) -> LeadDataModule:
    # What its tiers leave out is said of each preset's run, not of what is shared here.
    with contextlib.redirect_stdout(io.StringIO()):
        data.setup("fit")
    return data
