"""Every trial at every share, seed and rate, each kept as it ends, so that a run goes on."""

import hashlib
import inspect
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from leadrank.compare.study import Study
from leadrank.errors import UserError
from leadrank.lab.fit import fit_trial
from leadrank.lab.scarce import scarce
from leadrank.lab.trials import Trial
from leadrank.model.kept_probe import probe_code
from leadrank.training.callbacks import taught_on_train

SHARES = (1.0, 0.3, 0.1, 0.03)
SEEDS = 5
RATES = (1e-3, 1e-2)


@dataclass(frozen=True)
class Cell:
    """One trained head: logits of the test rows [n], and its AUC on validation."""

    trial: str
    share: float
    seed: int
    rate: float
    score: NDArray[np.float32]
    validation: float
    epoch: int
    orders: int


def run_cells(
    study: Study,
    trials: Sequence[Trial],
    folder: Path,
    *,
    shares: Sequence[float] = SHARES,
    seeds: int = SEEDS,
    rates: Sequence[float] = RATES,
    epochs: int = 20,
    say: Callable[[str], None] = print,
) -> list[Cell]:
    """All cells, those that the folder lacks trained now; says how long the rest will take.

    Raises UserError where the folder's cells are of other data, trials or epochs.
    """
    key = f"{study.table.fingerprint} {epochs} {study.encoder} {_code()}"
    wanted = [
        (share, seed, trial, rate)
        for share in shares
        for seed in range(seeds)
        for trial in trials
        for rate in rates
    ]
    kept = [(folder / "cells" / _name(*one), one) for one in wanted]
    missing = [(file, one) for file, one in kept if not file.is_file()]
    began, have, at = time.monotonic(), None, None
    for done, (file, (share, seed, trial, rate)) in enumerate(missing):
        if have is None or at != (share, seed):
            have, at = scarce(study, share, seed), (share, seed)
            left = (time.monotonic() - began) / done * (len(missing) - done) if done else None
            more = "" if left is None else f"; about {left / 60:,.0f} min left for all"
            said = f"{share:.0%} of the orders ({have.orders}), seed {seed}"
            say(f"[{done}/{len(missing)}] {said}{more}")
        fit = fit_trial(have, trial, seed=seed, rate=rate, epochs=epochs)
        _write(file, **vars(fit), orders=have.orders, made_of=f"{key} {trial}")
    return [_read(file, one, f"{key} {one[2]}") for file, one in kept]


def _code() -> str:
    """Changes with the code of the probes that heads start as."""
    return hashlib.sha256(
        (probe_code() + inspect.getsource(taught_on_train)).encode()
    ).hexdigest()


def _name(share: float, seed: int, trial: Trial, rate: float) -> str:
    return f"{trial.name.replace(' ', '_')}-{share:g}-{seed}-{rate:g}.npz"


def _write(file: Path, **content: object) -> None:
    """In one step, so that a cell is whole or absent."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.stem}-{os.getpid()}.npz")
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in content.items()}
    np.savez_compressed(new, **arrays)
    os.replace(new, file)


def _read(file: Path, one: tuple[float, int, Trial, float], made_of: str) -> Cell:
    share, seed, trial, rate = one
    try:
        with np.load(file) as kept:
            found = {name: kept[name] for name in kept.files}
        same = str(found["made_of"]) == made_of
    except (KeyError, ValueError, BadZipFile, OSError):
        same = False
    if not same:
        raise UserError(
            f"{file}: of other data or settings, or not a cell of the lab; move its folder "
            "away, or give another --out"
        )
    return Cell(
        trial.name,
        share,
        seed,
        rate,
        found["score"],
        float(found["validation"]),
        int(found["epoch"]),
        int(found["orders"]),
    )
