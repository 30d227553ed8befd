"""What the dealership's CRM writes down day by day, as growing tables of equal columns."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray]

#: Tables and their columns; each has `lead` and `day`, entries of a day are in order of leads.
TABLES: Mapping[str, tuple[str, ...]] = {
    # Every attempt to call; `level` to `key` mean something where it connected.
    "calls": (
        "lead", "day", "rep", "connected", "minutes", "grade", "level", "when", "due", "key",
        "gone", "state",
    ),
    "visits": ("lead", "day"),
    "drives": ("lead", "day", "model", "kind"),
    "tickets": ("lead", "day"),  # opened again
    "defeats": ("lead", "day"),
    "orders": ("lead", "day", "rep", "store"),
    # Snapshots that become rows, with the hidden state of that morning for the truth.
    "rows": (
        "lead", "day", "rival", "household", "momentum", "fatigue", "driven", "booked", "gone",
    ),
}  # fmt: skip


class Log:
    """Tables that grow by a day at a time and are joined when read."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Columns]] = {name: [] for name in TABLES}
        self._joined: dict[str, Columns] = {}

    def add(self, table: str, **columns: NDArray) -> None:
        """Append one day's entries."""
        assert tuple(columns) == TABLES[table], (table, tuple(columns))
        if len(columns["lead"]):
            self._parts[table].append(columns)
            self._joined.pop(table, None)

    def read(self, table: str) -> Columns:
        """All entries so far by column; empty integer columns where there are none."""
        if table not in self._joined:
            parts = self._parts[table]
            empty = np.empty(0, np.int32)
            self._joined[table] = {
                name: np.concatenate([part[name] for part in parts]) if parts else empty
                for name in TABLES[table]
            }
            if parts:
                self._parts[table] = [self._joined[table]]
        return self._joined[table]
