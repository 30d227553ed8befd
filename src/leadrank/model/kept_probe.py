"""Fitted probes, kept on disk: a search over penalties takes up to a minute on a large table.

joblib compares the function that it keeps, not what that calls; so the code of the probe is an
argument here, and other code is another fit.
"""

import hashlib
import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import joblib
import numpy
import scipy
import sklearn

from leadrank.model import crosses, funnel_probe, probe
from leadrank.model.base_model import cache_folder
from leadrank.model.funnel_probe import Sides, fit_funnel_probe
from leadrank.model.probe import Probe, fit_probe

#: All kept probes together; those not read for the longest time go first.
PROBES_BYTES = 256 * 2**20


def kept_probe(*data: Any, sides: Sequence[Sides] | None = None, **options: Any) -> Probe:
    """`fit_probe` of the same arguments, from the cache where it is there.

    With `sides`, and then `alone` too, it is `fit_funnel_probe`.
    """
    if sides is not None:
        options["sides"] = [tuple(side) for side in sides]
    memory = joblib.Memory(cache_folder() / "probes", verbose=0)
    with warnings.catch_warnings():
        # A slow disk is no mistake.
        warnings.filterwarnings("ignore", "Persisting input arguments took")
        found = memory.cache(_fit)(probe_code(), data, options)
    memory.reduce_size(bytes_limit=PROBES_BYTES)
    return found


def _fit(code: str, data: tuple[Any, ...], options: dict[str, Any]) -> Probe:
    if "sides" in options:
        sides = [Sides(*side) for side in options.pop("sides")]
        return fit_funnel_probe(*data, sides=sides, **options)
    return fit_probe(*data, **options)


def probe_code() -> str:
    """Changes when the probe's code or its library does."""
    source = "".join(inspect.getsource(module) for module in (probe, crosses, funnel_probe))
    libraries = " ".join(library.__version__ for library in (numpy, scipy, sklearn))
    return hashlib.sha256((source + libraries).encode()).hexdigest()
