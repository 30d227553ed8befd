"""Probes are fitted once for the same data and code, and again for any other."""

import os

import numpy as np
import pytest

from leadrank.model import kept_probe as module
from leadrank.model.crosses import NO_CROSSES
from leadrank.model.kept_probe import kept_probe
from leadrank.model.probe import fit_probe


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADRANK_CACHE", str(tmp_path))


def data(n=60):
    chance = np.random.default_rng(0)
    text = chance.normal(size=(n, 4)).astype(np.float32)
    label = (text[:, 0] > 0.3).astype(np.float32)
    fields = chance.random((n, 2)).astype(np.float32)
    return text, fields, NO_CROSSES, label, np.ones(n), np.arange(n)


@pytest.fixture
def fits(monkeypatch):
    """How often the probe was fitted."""
    found = []

    def counted(*given, **options):
        found.append(options)
        return fit_probe(*given, **options)

    monkeypatch.setattr(module, "fit_probe", counted)
    return found


def test_the_second_time_it_is_read_from_disk(fits):
    first, again = kept_probe(*data()), kept_probe(*data())
    assert len(fits) == 1
    for name, value in vars(fit_probe(*data())).items():
        np.testing.assert_array_equal(getattr(first, name), value)
        np.testing.assert_array_equal(getattr(again, name), value)


def test_the_least_recently_read_go_where_there_is_no_room(fits, tmp_path, monkeypatch):
    """Room for two and a half: with a third, the one that was read longest ago goes."""
    first, second, third = ({"read_text": True}, {"read_text": False}, {"ngrams": None})
    for age, options in ((2000, first), (1000, second)):
        kept_probe(*data(), **options)
        newest = max(tmp_path.rglob("output.pkl"), key=lambda file: file.stat().st_mtime_ns)
        at = newest.stat().st_mtime
        os.utime(newest, (at - age, at))
    kept = [f for pkl in tmp_path.rglob("output.pkl") for f in pkl.parent.iterdir()]
    size = sum(file.stat().st_size for file in kept)
    monkeypatch.setattr(module, "PROBES_BYTES", int(1.25 * size))
    kept_probe(*data(), **third)
    kept_probe(*data(), **second)
    assert len(fits) == 3
    kept_probe(*data(), **first)
    assert len(fits) == 4


def test_other_data_options_or_code_are_another_fit(fits, monkeypatch):
    text, fields, *rest = data()
    kept_probe(text, fields, *rest)
    changed = text.copy()
    changed[0, 0] += 1e-3
    kept_probe(changed, fields, *rest)
    kept_probe(text, fields, *rest, read_text=False)
    monkeypatch.setattr(module, "probe_code", lambda: "another")
    kept_probe(text, fields, *rest)
    assert len(fits) == 4
