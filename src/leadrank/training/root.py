"""Where a CRM file's tables lie; the simulated dealership makes its own on first use."""

import os
from pathlib import Path

from leadrank.funnel import CrmFile
from leadrank.model.base_model import cache_folder
from leadrank.world import ensure_world

WORLD = "world"


def data_root(crm: CrmFile, root: str | None) -> Path:
    """The `--root` given, `$LEADRANK_DATA`, or here; the world's is in the user's cache.

    `$LEADRANK_DATA` is somebody's data, often read-only, and no place to put a world.
    """
    if root is not None:
        return Path(root)
    if crm.name == WORLD:
        ensure_world(cache_folder() / WORLD)
        return cache_folder()
    return Path(os.environ.get("LEADRANK_DATA") or ".")
