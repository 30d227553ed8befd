"""Which unit gets which arm: by a salted hash within strata, so anybody can do it again."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from leadrank.errors import UserError


def assign(
    unit: Sequence[str], stratum: Sequence[str], *, salt: str, share: float = 0.5
) -> NDArray[np.bool_]:
    """Which units are treated [units]: the same for the same salt, in whatever order they come.

    Units stand in line by stratum and, within it, by SHA-256 of `salt:unit`. The k-th is
    treated where floor((k + 1) share + u) > floor(k share + u), with u from the salt. So each
    unit is treated with probability `share`, and the number treated is within 1 of `share`
    times the number of units, of each stratum too.

    Raises UserError for a unit given twice, or a share that leaves an arm without units.
    """
    if len(set(unit)) < len(unit):
        twice = sorted({u for u in unit if list(unit).count(u) > 1})
        raise UserError(f"units given twice: {', '.join(twice[:5])}; give each once")
    if not 0 < share < 1:
        raise UserError(f"share {share}: expected the treated share of units, above 0, below 1")
    line = sorted(range(len(unit)), key=lambda i: (stratum[i], _hash(salt, unit[i])))
    place = np.arange(len(unit) + 1) * share + _hash(salt, "where the line begins") / 2**256
    treated = np.zeros(len(unit), bool)
    treated[line] = np.diff(np.floor(place)) > 0
    if treated.all() or not treated.any():
        raise UserError(
            f"share {share} of {len(unit)} units leaves an arm empty; take more units, or "
            "another share"
        )
    return treated


def _hash(salt: str, name: str) -> int:
    return int.from_bytes(sha256(f"{salt}:{name}".encode()).digest())
