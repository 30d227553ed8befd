"""What decides a system's scores beside the data: kept with them, so that a change is noticed.

Three sources: the study's terms (the base, its layers, the prompt), a system's own settings (an
experiment file), and the constants in capitals of the code that it runs: tuning grids, budgets,
sizes. These are found by following the functions and classes that the system's module names, so
a rival need not list its own. What is given up: a change of the code itself is not noticed;
the record's commit tells of it.
"""

import importlib
from dataclasses import fields
from types import ModuleType
from typing import Any

from leadrank.compare.study import Study
from leadrank.compare.system import System
from leadrank.model.base_model import resolve_base

#: Rivals and what they are built from; constants of the rest are no system's.
OWN = "leadrank.compare."
SHARED = ("study", "hidden", "trunk", "system", "deciding")
OF_FIELDS = ("leadrank.evaluation.lightgbm", "leadrank.model.field_features")
OF_TEXT = ("leadrank.text.ngrams",)
OF_PROBES = ("leadrank.model.probe", "leadrank.model.crosses")
PLAIN = (bool, int, float, str, tuple, list, dict, range)


def deciding(system: System, study: Study) -> dict[str, Any]:
    """What decides a system's scores on this study, for the record of a result."""
    found: dict[str, Any] = {"maturity": study.data.preference.maturity}
    if system.llm:
        found["base_revision"] = resolve_base(study.encoder.base).revision
        found["encoder"] = not_default(study.encoder)
        found["prompt"] = not_default(study.data.prompt)
    found["constants"] = constants(system)
    return found | (system.settings(study) if system.settings else {})


def not_default(settings: Any) -> dict[str, str]:
    """What differs from the defaults of a settings dataclass.

    A setting that is new since a result was made, and is at its default, so leaves the result
    what it was.
    """
    plain = type(settings)()
    return {
        setting.name: str(value)
        for setting in fields(settings)
        if (value := getattr(settings, setting.name)) != getattr(plain, setting.name)
    }


def constants(system: System) -> dict[str, str]:
    """`MODULE.NAME` and value of each constant of the code that a system runs."""
    modules = [*_reached(system.fit_and_score.__module__), "leadrank.model.field_features"]
    modules += OF_TEXT if system.reads != "fields" or system.llm else ()
    found: dict[str, str] = {}
    for name in sorted(set(modules)):
        module = importlib.import_module(name)
        short = name.removeprefix("leadrank.").removeprefix("compare.")
        found |= {f"{short}.{key}": repr(value) for key, value in _constants(module)}
    return found


def _constants(module: ModuleType) -> list[tuple[str, Any]]:
    return [
        (key, value)
        for key, value in vars(module).items()
        if key.isupper() and not key.startswith("_") and isinstance(value, PLAIN)
    ]


def _reached(start: str) -> list[str]:
    """The modules that a module's functions and classes come from, and theirs in turn."""
    found, left = [], [start] if _decides(start) else []
    while left:
        name = left.pop()
        found.append(name)
        module = importlib.import_module(name)
        named = {_home(value) for value in vars(module).values()}
        left += [one for one in named if _decides(one) and one not in (*found, *left)]
    return found


def _home(value: Any) -> str:
    """The module that a name of another one's stands for, or comes from."""
    if isinstance(value, ModuleType):
        return value.__name__
    return getattr(value, "__module__", None) or ""


def _decides(module: str) -> bool:
    own = module.startswith(OWN) and module.removeprefix(OWN) not in SHARED
    return own or module in (*OF_FIELDS, *OF_TEXT, *OF_PROBES)
