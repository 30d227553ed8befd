"""Fitted probes, kept on disk: a search over penalties takes up to a minute on a large table.

joblib compares the function that it keeps, not what that calls; so the code of the probe is an
argument here, and other code is another fit.
"""

import hashlib
import inspect
import warnings
from typing import Any

import joblib
import numpy
import scipy
import sklearn

from leadrank.model import crosses, probe
from leadrank.model.base_model import cache_folder
from leadrank.model.probe import Probe, fit_probe

#: All kept probes together; those not read for the longest time go first.
PROBES_BYTES = 256 * 2**20


def kept_probe(*data: Any, **options: Any) -> Probe:
    """`fit_probe` of the same arguments, from the cache where it is there."""
    memory = joblib.Memory(cache_folder() / "probes", verbose=0)
    with warnings.catch_warnings():
        # A slow disk is no mistake.
        warnings.filterwarnings("ignore", "Persisting input arguments took")
        found = memory.cache(_fit)(_code(), data, options)
    memory.reduce_size(bytes_limit=PROBES_BYTES)
    return found


def _fit(code: str, data: tuple[Any, ...], options: dict[str, Any]) -> Probe:
    return fit_probe(*data, **options)


def _code() -> str:
    """Changes when the probe's code or its library does."""
    source = inspect.getsource(probe) + inspect.getsource(crosses)
    libraries = " ".join(library.__version__ for library in (numpy, scipy, sklearn))
    return hashlib.sha256((source + libraries).encode()).hexdigest()
