"""The systems, one module each; a module put here is compared, and nothing else is changed.

A module has SYSTEM, a `compare.system.System`.
"""

import importlib
import pkgutil
from collections.abc import Collection

from leadrank.compare.system import System
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest


def system_names() -> list[str]:
    """The modules of this folder: whatever lies there is compared."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_systems(names: Collection[str]) -> dict[str, System]:
    """Systems by name; UserError names each that there is not."""
    known = system_names()
    wrong = [f"no system {n!r}{nearest(n, known)}" for n in names if n not in known]
    if wrong:
        raise UserError("\n".join([*wrong, f"the systems: {', '.join(known)}"]))
    return {n: importlib.import_module(f"{__name__}.{n}").SYSTEM for n in names}
