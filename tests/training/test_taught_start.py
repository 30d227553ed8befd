"""Whether the funnel has taught the probe well is told on validation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from leadrank.model.crosses import NO_CROSSES
from leadrank.model.probe import fit_probe
from leadrank.preference import Difference
from leadrank.training import callbacks, probes


@pytest.mark.parametrize(
    ("taught", "alone", "kept"),
    [
        pytest.param(1.0, -1.0, "taught", id="it knows, the labels' do not"),
        pytest.param(-1.0, 1.0, "alone", id="it is upside down"),
        pytest.param(1.0, 1.0, "taught", id="they are equal"),
        pytest.param(0.9, 1.0, "taught", id="they rank alike"),
    ],
)
def test_the_funnels_probe_starts_unless_validation_is_against_it(
    small_crm, data_of, monkeypatch, taught, alone, kept
):
    """Two probes of one field that knows the answer; text and n-grams are left out."""
    data = data_of(small_crm, max_rows=60)
    data.setup("fit")
    label = data.rows.label.numpy()
    n = len(label)
    none = np.zeros((n, 0), np.float32)
    field = (label + 0.1 * np.arange(n) / n)[:, None].astype(np.float32)
    probe = fit_probe(none, field, NO_CROSSES, label, np.ones(n), np.arange(n))
    fitted = {
        name: replace(
            probe,
            weight=probe.weight * times,
            penalties=probe.penalties._replace(tiers=1.0 if name == "taught" else np.inf),
        )
        for name, times in (("taught", taught), ("alone", alone))
    }
    given = []

    def fit(*_, sides=None, **options):
        given.append(sides)
        return fitted["alone" if sides is None else "taught"]

    monkeypatch.setattr(probes, "kept_probe", fit)
    found = callbacks.taught_on_train(data, none, field, csr_matrix((n, 0)))
    assert found == (fitted[kept], kept == "taught")
    assert given[0] is None
    assert len(given[1]) == sum(tier.weight > 0 for tier in data.tiers)


@pytest.mark.parametrize(
    ("gap", "kept"),
    [
        pytest.param((-0.01, -0.05, 0.03), True, id="worse by half an error"),
        pytest.param((-0.03, -0.07, 0.01), False, id="worse by one and a half"),
        pytest.param((float("nan"),) * 3, True, id="nobody can tell"),
        pytest.param((-0.3, float("nan"), float("nan")), True, id="too few orders"),
    ],
)
def test_validation_is_against_it_from_a_standard_error_on(
    small_crm, data_of, monkeypatch, gap, kept
):
    data = data_of(small_crm, max_rows=60)
    data.setup("fit")
    n = len(data.rows.label)
    none, field = np.zeros((n, 0), np.float32), np.arange(n, dtype=np.float32)[:, None]
    probe = fit_probe(none, field, NO_CROSSES, np.arange(n) % 2, np.ones(n), np.arange(n))
    taught = replace(probe, penalties=probe.penalties._replace(tiers=1.0))
    monkeypatch.setattr(probes, "kept_probe", lambda *_, **options: taught)
    monkeypatch.setattr(callbacks, "gain_on_validation", lambda *_: Difference(*gap))
    assert callbacks.taught_on_train(data, none, field, csr_matrix((n, 0)))[1] is kept
