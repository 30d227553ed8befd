"""`adapt: none`: the kept vectors stand in for the trunk, and say the same."""

import lightning as L
import numpy as np
import pytest
import torch

from leadrank import LeadRanker
from leadrank.model import encoder as encoder_module
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.schedule import OptimiserSettings
from leadrank.scoring.score import score_rows
from leadrank.training.callbacks import StartFromProbe

pytestmark = pytest.mark.usefixtures("embedded_base")


def trained(data, epochs=1):
    L.seed_everything(0, verbose=False)
    ranker = LeadRanker(
        EncoderSettings(layers=2, adapt="none"),
        HeadSettings(hidden=8, dropout=0.0),
        optimiser=OptimiserSettings(head_rate=1e-2),
    )
    L.Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, callbacks=[StartFromProbe()],
        enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=False,
        use_distributed_sampler=False, num_sanity_val_steps=0,
    ).fit(ranker, datamodule=data)  # fmt: skip
    return ranker


def test_scores_through_vectors_are_those_through_the_trunk(small_crm, data_of):
    data = data_of(small_crm, max_rows=60)
    ranker, rows = trained(data), data.positions("validation")
    assert "vectors" in data.rows[rows]
    found = score_rows(ranker.model, data.rows, rows)
    data.rows.frozen = None
    assert "vectors" not in data.rows[rows]
    expected = score_rows(ranker.model, data.rows, rows)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # In 4 bit too, but for what unpacking once rounds.
    np.testing.assert_allclose(
        score_rows(ranker.model, data.rows, rows, dense=False), expected, atol=1e-3
    )


def test_a_run_whose_vectors_are_kept_never_loads_the_trunk(small_crm, data_of, monkeypatch):
    first = trained(data_of(small_crm, max_rows=60)).model.learned_state()

    def never(*_):
        raise AssertionError("the trunk was loaded")

    monkeypatch.setattr(encoder_module, "load_trunk", never)
    data = data_of(small_crm, max_rows=60)
    again = trained(data)
    assert all(map(torch.equal, first.values(), again.model.learned_state().values()))
    assert np.isfinite(score_rows(again.model, data.rows, data.positions("test"))).all()
    again.model.encoder.reset_adapters()


def test_a_row_without_a_vector_is_read_by_the_trunk(small_crm, data_of):
    data = data_of(small_crm, max_rows=60)
    ranker, row = trained(data), data.positions("test")[:1]
    expected = score_rows(ranker.model, data.rows, row)
    data.rows.frozen.prompt[row] = -1
    np.testing.assert_allclose(score_rows(ranker.model, data.rows, row), expected, atol=1e-5)
