"""Whether the funnel has taught the probe well is told on validation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from leadrank.model.crosses import NO_CROSSES
from leadrank.model.probe import fit_probe
from leadrank.training import callbacks


@pytest.mark.parametrize("better", ["taught", "alone"])
def test_the_funnels_probe_must_rank_better_on_validation(
    small_crm, data_of, small_ranker, monkeypatch, better
):
    """Two probes of one field, one of them upside down; the text and n-grams are left out."""
    data = data_of(small_crm, max_rows=60)
    data.setup("fit")
    rows, label = data.positions("validation"), data.rows.label.numpy()
    knows = np.zeros((len(label), 1), np.float32)
    knows[rows, 0] = label[rows]
    none = np.zeros((len(label), 0), np.float32)
    fitted = fit_probe(
        none,
        knows + label[:, None],
        NO_CROSSES,
        label,
        np.ones(len(label)),
        np.arange(len(label)),
    )
    turned = replace(fitted, weight=-fitted.weight)
    pair = {"taught": (turned, fitted), "alone": (fitted, turned)}[better]
    asked = []

    def fit(*given):
        asked.append(given[-1])
        return pair[given[-1] is not None]

    monkeypatch.setattr(callbacks, "_fit_on_train", fit)
    found = callbacks.taught_on_train(data, none, knows, csr_matrix((len(label), 0)))
    assert found is fitted
    assert asked[0] is None
    assert len(asked[1]) == sum(tier.weight > 0 for tier in data.tiers)
