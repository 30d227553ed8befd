"""Arrays kept on disk: they appear whole or not at all, and make room for each other.

An array being written is called `.NAME-PID@MACHINE.npy` until it is whole. A killed process
leaves such a file behind, as large as the array; the next write removes it.
"""

import os
import platform
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadrank.model.team import Team

Arrays = list[NDArray[np.floating]]


class Wanted(NamedTuple):
    """Rows and columns of an array, and what it holds: `float32` or `float16`."""

    rows: int
    columns: int
    kept_as: str = "float32"


UNFINISHED = re.compile(r"\..+-(?P<pid>\d+)@(?P<machine>.+)\.npy")
DAY_SECONDS = 86_400


def write_arrays(
    wanted: dict[Path, Wanted], fill: Callable[[Arrays], None], team: Team
) -> None:
    """Writes arrays of these files and shapes, unless all of them are there.

    `fill` gets the arrays, in their order, on every process of the team; each fills its share.
    """
    unfinished = team.lead(lambda: _begin(wanted))
    try:
        team.do(lambda: fill([np.load(f, mmap_mode="r+") for f in unfinished.values()]))
        team.lead(lambda: _appear(unfinished))
    finally:
        if team.number == 0:
            for file in unfinished.values():
                file.unlink(missing_ok=True)


def make_room(folder: Path, size: int, bound: int) -> bool:
    """Deletes the least recently used arrays until `size` more bytes fit the bound.

    Unfinished ones count, but are not ours to delete. Returns whether the disk has room: an
    array that outgrows it would crash the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    files = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total + size <= bound:
            break
        if not file.name.startswith("."):
            total -= file.stat().st_size
            file.unlink(missing_ok=True)
    return shutil.disk_usage(folder).free > 2 * size


def remove_leftovers(folder: Path) -> None:
    """Deletes unfinished arrays whose process is gone, or that are a day old.

    Of another machine's process only the age is known, and a number may be given again.
    """
    for file in folder.glob(".*.npy"):
        owner = UNFINISHED.fullmatch(file.name)
        ours = owner is not None and owner["machine"] == platform.node()
        gone = ours and owner is not None and not _runs(int(owner["pid"]))
        if gone or time.time() - file.stat().st_mtime > DAY_SECONDS:
            file.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # sends nothing; only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _begin(wanted: dict[Path, Wanted]) -> dict[Path, Path]:
    """Makes the arrays under their unfinished names; none when all are there."""
    if all(file.is_file() for file in wanted):
        return {}
    owner = f"{os.getpid()}@{platform.node()}"
    unfinished = {file: file.with_name(f".{file.stem}-{owner}.npy") for file in wanted}
    for file, temporary in unfinished.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(file.parent)
        rows, columns, kept_as = wanted[file]
        np.lib.format.open_memmap(temporary, "w+", np.dtype(kept_as), shape=(rows, columns))
    return unfinished


def _appear(unfinished: dict[Path, Path]) -> None:
    for file, temporary in unfinished.items():
        # What is there may be in use, on a shared disk by another machine.
        if not file.is_file():
            os.replace(temporary, file)
