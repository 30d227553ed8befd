"""A training row's score for a second model never comes from a fit that saw its lead."""

import numpy as np
import polars as pl
import pytest

from leadrank.compare.out_of_fold import lead_folds, out_of_fold
from leadrank.compare.study import open_study
from leadrank.errors import UserError
from leadrank.model.encoder_settings import EncoderSettings

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def study(small_crm, data_of):
    """Two rows a lead, with one outcome, so that a lead's other row gives it away."""
    rows = small_crm.rows()
    for row, twin in zip(rows[::2], rows[1::2], strict=True):
        twin |= {"lead": row["lead"], "ordered": row["ordered"], "drive_at": row["drive_at"]}
    small_crm.write(rows)
    small_crm.change(
        split={"kind": "time", "test": 0.3, "validation": 0.2, "lead_disjoint": True}
    )
    return open_study(data_of(small_crm), EncoderSettings(layers=2, adapt="none"))[0]


def memory_of_leads(study):
    """Each row's score is the mean outcome of its lead in the training part, else 1/2."""
    rows, train = study.table.rows, study.positions("train")
    learned = rows[train.tolist()].group_by("lead_id").agg(seen=pl.col("label").mean())
    kept = rows.join(learned, on="lead_id", how="left", maintain_order="left")
    return kept["seen"].fill_null(0.5).to_numpy()


def test_what_a_model_remembers_of_a_lead_does_not_reach_its_score(study):
    train, whole = study.positions("train"), memory_of_leads(study)
    # A score that leaked would be this one, which tells every order.
    label = study.table.rows["label"].to_numpy()[train]
    np.testing.assert_array_equal(whole[train], label)
    found = out_of_fold(study, whole, memory_of_leads)
    np.testing.assert_allclose(found[train], 0.5)
    rest = np.setdiff1d(np.arange(len(whole)), train)
    np.testing.assert_array_equal(found[rest], whole[rest])


def test_rows_that_share_a_fold_with_their_twin_only_would_be_seen(study, monkeypatch):
    """The check above is one: with folds that part twins it fails."""
    train = study.positions("train")
    monkeypatch.setattr(
        "leadrank.compare.out_of_fold.lead_folds", lambda study: [train[::2], train[1::2]]
    )
    found = out_of_fold(study, memory_of_leads(study), memory_of_leads)
    assert not np.allclose(found[train], 0.5)


def test_folds_cover_the_training_rows_once_and_part_no_lead(study):
    folds = list(lead_folds(study))
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), study.positions("train"))
    leads = [set(study.table.rows[rows.tolist()]["lead_id"]) for rows in folds]
    assert sum(map(len, leads)) == len(set().union(*leads))


def test_every_fold_is_brought_to_the_level_of_the_whole_fit(study):
    """A fit that is 7 higher on its validation rows is 7 lower after."""
    flat = np.zeros(study.table.rows.height)
    found = out_of_fold(study, flat, lambda fold: flat + 7)
    np.testing.assert_allclose(found, 0)


def test_too_few_orders_for_two_folds_is_said(study, small_crm, data_of):
    small_crm.write([{**row, "ordered": "0"} for row in small_crm.rows()[:1]] + [
        {**row, "ordered": str(int(i in (5, 137, 200))), "drive_at": ""}
        for i, row in enumerate(small_crm.rows()[1:])
    ])  # fmt: skip
    few = open_study(data_of(small_crm), EncoderSettings(layers=2, adapt="none"))[0]
    with pytest.raises(UserError, match="rarer outcome, expected 2"):
        list(lead_folds(few))
