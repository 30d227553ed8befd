"""What the tests of heads read: text vectors, fields with two products, and a fitted probe."""

import numpy as np

from leadrank.model.crosses import NO_CROSSES
from leadrank.model.probe import fit_probe

TEXT, FIELDS = 6, 3
CROSSES = np.array([[0, 1], [0, 2]])


def inputs(seed=0, n=40):
    chance = np.random.default_rng(seed)
    text = chance.normal(2.0, 3.0, (n, TEXT)).astype(np.float32)
    return text, chance.random((n, FIELDS)).astype(np.float32)


def fitted(fields=True):
    text, columns = inputs()
    label = (text[:, 0] + columns[:, 0] * 3 > 3).astype(np.float32)
    columns, crosses = (columns, CROSSES) if fields else (columns[:, :0], NO_CROSSES)
    ones, leads = np.ones(len(text)), np.arange(len(text))
    return fit_probe(text, columns, crosses, label, ones, leads)
