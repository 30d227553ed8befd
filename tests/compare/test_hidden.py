"""No system can read an outcome of the test part, whatever way it tries."""

import numpy as np
import pytest

from leadrank.compare.study import open_study
from leadrank.model.encoder_settings import EncoderSettings

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def opened(small_crm, data_of):
    small_crm.change(
        lost={"column": "lost", "values": ["1"]}, soft_signals=[{"column": "minutes"}]
    )
    rows = small_crm.rows()
    small_crm.write([{**row, "lost": "0", "minutes": "3"} for row in rows])
    return open_study(data_of(small_crm), EncoderSettings(layers=2, adapt="none"))


def test_the_outcomes_of_test_rows_are_null_and_of_others_are_not(opened):
    study, test = opened
    rows = study.table.rows
    for name in ("label", "stage", "lost", "order_days", "minutes"):
        hidden = rows.filter(part="test")[name]
        assert hidden.null_count() == len(hidden) > 0, name
    for name in ("label", "stage", "lost", "minutes"):
        assert rows.filter(part="train")[name].null_count() == 0, name
    assert test["label"].sum() > 0
    assert test["position"].to_list() == study.positions("test").tolist()


def test_the_tensors_of_test_rows_hold_no_outcome(opened):
    study, _ = opened
    rows, test = study.data.rows, study.positions("test")
    for name in ("label", "stage", "stage_known", "lost", "signal", "signal_known"):
        assert not getattr(rows, name)[test].any(), name
    assert rows.label[study.positions("train")].any()
    assert rows.signal_known[study.positions("train")].all()


def test_another_test_part_hides_its_rows_and_drops_the_old_one(opened):
    study, _ = opened
    study.memory["learned"] = "on all of train"
    train, old = study.positions("train"), study.positions("test")
    fold = study.with_test(train[::3])
    np.testing.assert_array_equal(fold.positions("test"), train[::3])
    np.testing.assert_array_equal(fold.positions("train"), np.setdiff1d(train, train[::3]))
    np.testing.assert_array_equal(fold.positions("validation"), study.positions("validation"))
    assert fold.table.rows[train[::3].tolist()]["label"].null_count() == len(train[::3])
    assert fold.table.rows[old.tolist()]["label"].null_count() == len(old)
    assert fold.memory == {}
    # The study that it comes from is as it was.
    np.testing.assert_array_equal(study.positions("train"), train)
    assert study.data.rows.label[train[::3]].any()
