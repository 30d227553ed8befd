"""Where a CRM file and its tables lie; the simulated dealership makes its own on first use."""

import os
from pathlib import Path

from leadrank.errors import UserError
from leadrank.funnel import CrmFile
from leadrank.funnel.nearest import nearest
from leadrank.model.base_model import cache_folder
from leadrank.world import ensure_world

WORLD = "world"


def named_crm(experiments: Path, data: str) -> Path:
    """The CRM file that `--data` names: one of the experiments' by its name, or by its path."""
    is_path = data.endswith((".yaml", ".yml"))
    return found_crm(Path(data) if is_path else experiments / "data" / f"{data}.yaml")


def filed_as(crm: Path) -> str:
    """What results on a CRM file are filed under: its name, or of a crm.yaml its folder's."""
    return crm.resolve().parent.name if crm.stem == "crm" else crm.stem


def found_crm(file: Path) -> Path:
    """The CRM file; where there is none, UserError names those beside it."""
    if not file.is_file():
        known = sorted(one.stem for one in file.parent.glob("*.yaml"))
        raise UserError(
            f"{file}: no such CRM file{nearest(file.stem, known)} "
            f"(in {file.parent}: {', '.join(known) or 'none'})"
        )
    return file


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
