"""What decides a system's scores beside the data: kept with them, so that a change is noticed.

Three sources: the study's terms (the base, its layers, the prompt), a system's own settings (an
experiment file), and the constants in capitals that its code names: tuning grids, budgets,
sizes. These are found by following the functions that the system's own function names, so a
rival need not list its own. What is given up: a change of the code itself is not noticed, nor a
number written inside a function; the record's commit tells of it.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cached_property
from types import CodeType, FunctionType, ModuleType
from typing import Any

from leadrank.compare.study import Study
from leadrank.compare.system import System
from leadrank.model.base_model import resolve_base
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.ranker import LossSettings
from leadrank.model.schedule import OptimiserSettings
from leadrank.preference.settings import PreferenceSettings
from leadrank.text import PromptTemplate
from leadrank.training.sampler import SamplerSettings

PACKAGE = "leadrank."
#: Code that decides scores: rivals and what they are built from.
FOLLOWED = (
    *("compare.", "evaluation.lightgbm"),
    *("training.callbacks", "training.probes", "training.choice", "training.sampler"),
    *(
        "model.probe",
        "model.funnel_probe",
        "model.kept_probe",
        "model.crosses",
        "model.wide",
        "model.head",
    ),
    *("model.ranker", "model.lead_model", "model.schedule", "model.field_features"),
    *("preference.corn", "text.ngrams", "text.render", "text.cut"),
)
#: Of compare, what all systems share: it holds no system's constants.
SHARED = tuple(f"compare.{one}" for one in ("study", "hidden", "trunk", "system", "deciding"))
#: What a study does for whoever reads fields, words, or prompts; no system's code names it.
OF_FIELDS = ("model.field_features",)
OF_WORDS = ("text.ngrams",)
OF_PROMPTS = ("text.render", "text.cut", "model.crosses")
#: Of what is found: what is said, not what is scored.
SAID = ("NOT_LOGGED", "TERMS", "TYPE_CHECKING")
PLAIN = (bool, int, float, str, tuple, list, dict, range)

#: Where a record holds all values of settings, and whose they are.
GROUPS: dict[str, type] = {
    "encoder": EncoderSettings,
    "head": HeadSettings,
    "loss": LossSettings,
    "optimiser": OptimiserSettings,
    "preference": PreferenceSettings,
    "prompt": PromptTemplate,
    "sampler": SamplerSettings,
}


def deciding(system: System, study: Study) -> dict[str, Any]:
    """What decides a system's scores on this study, for the record of a result."""
    found: dict[str, Any] = {"maturity": study.data.preference.maturity}
    if system.llm:
        found["base_revision"] = resolve_base(study.encoder.base).revision
        found["encoder"] = values_of(study.encoder)
        found["prompt"] = values_of(study.data.prompt)
    found["constants"] = constants(system)
    return found | (system.settings(study) if system.settings else {})


def values_of(settings: Any) -> dict[str, str]:
    """All values of a settings dataclass: what is a default today need not be one tomorrow."""
    return {one.name: str(getattr(settings, one.name)) for one in fields(settings)}


def changed(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """The names of what decides scores otherwise now than in a record made then.

    A setting that the record lacks is new since: it counts as its default, so a new setting
    left at its default changes nothing.
    """
    filled = {
        name: values_of(GROUPS[name]()) | one if name in GROUPS else one
        for name, one in then.items()
    }
    return list(_changed(now, filled))


def _changed(now: dict[str, Any], then: dict[str, Any]) -> Iterator[str]:
    for key in sorted({*now, *then}):
        one, other = now.get(key), then.get(key)
        if one != other and isinstance(one, dict) and isinstance(other, dict):
            yield from (f"{key}.{inner}" for inner in _changed(one, other))
        elif one != other:
            yield key


def constants(system: System) -> dict[str, str]:
    """`MODULE.NAME` and value of each constant that the code which a system runs names."""
    shared = [*OF_FIELDS, *(OF_WORDS if system.reads != "fields" or system.llm else ())]
    shared += OF_PROMPTS if system.llm else ()
    found: dict[str, Any] = {}
    for short in shared:
        space = vars(importlib.import_module(PACKAGE + short))
        found |= {f"{short}.{name}": one for name, one in _plain(space, space)}
    for function in _reached(system.fit_and_score):
        short = function.__module__.removeprefix(PACKAGE).removeprefix("compare.")
        named = _plain(function.__globals__, set(_names(function.__code__)))
        found |= {f"{short}.{name}": one for name, one in named}
    return {name: repr(found[name]) for name in sorted(found)}


def _plain(space: dict[str, Any], names: Iterable[str]) -> list[tuple[str, Any]]:
    """The constants among these names; the sizes of caches decide nothing."""
    return [
        (name, space[name])
        for name in names
        if name.isupper()
        and not (name in SAID or name.startswith("_") or name.endswith("_BYTES"))
        and isinstance(space.get(name), PLAIN)
    ]


def _reached(start: Any) -> list[FunctionType]:
    """The functions that decide scores among those that one names, and theirs in turn."""
    found, left = [], _functions(start)
    while left:
        function = left.pop()
        if function in found:
            continue
        found.append(function)
        names, space = set(_names(function.__code__)), function.__globals__
        named = _values(space, names)
        for module in [one for one in named if isinstance(one, ModuleType)]:
            named += _values(vars(module), names)
        left += [inner for one in named for inner in _functions(one)]
    return found


def _names(code: CodeType) -> Iterator[str]:
    """The names that code and the functions inside it use."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _values(space: dict[str, Any], names: set[str]) -> list[Any]:
    """What names stand for here, as far as it is code that decides scores."""
    return [space[name] for name in names if name in space and _decides(space[name])]


def _functions(value: Any) -> list[FunctionType]:
    """A function, or those of a class and its bases."""
    if isinstance(value, cached_property | property | staticmethod | classmethod):
        value = getattr(value, "func", None) or getattr(value, "fget", None) or value
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, type):
        parts = [one for base in value.__mro__ if _decides(base) for one in vars(base).values()]
        methods = [one for one in parts if not isinstance(one, type)]
        return [function for one in methods for function in _functions(one)]
    return [value] if isinstance(value, FunctionType) else []


def _decides(value: Any) -> bool:
    """Whether a module, or what comes from it, is code that decides scores."""
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    short = str(home).removeprefix(PACKAGE)
    return short != home and short.startswith(FOLLOWED) and short not in SHARED
