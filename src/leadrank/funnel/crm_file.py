"""Reading and writing a CRM file; a user sees every problem of it at once.

Scalars are read as they are written: `values: [No, 010]` is the text "No" and "010", where
YAML 1.1 would make them false and 8 and so silently compare with nothing in the table.
"""

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from leadrank.errors import UserError
from leadrank.funnel.crm_checks import problems
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.nearest import nearest

_CRM = TypeAdapter(CrmFile)


class _AsWritten(yaml.BaseLoader):
    """YAML whose scalars all stay text and whose keys may not repeat."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, (key_node, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                mark = key_node.start_mark
                raise yaml.MarkedYAMLError(problem=f"key {key!r} repeats", problem_mark=mark)
        return super().construct_mapping(node, deep)


def load_crm_file(path: str | Path) -> CrmFile:
    """The CRM file at `path`; UserError with every problem, each under its dotted key."""
    content = _read_yaml(Path(path))
    if content.get("confirmed", "true") == "false":
        raise UserError(
            f"{path}: this draft is not confirmed: check every line marked GUESS, "
            "then set `confirmed: true`."
        )
    try:
        crm = _CRM.validate_python(content)
    except ValidationError as error:
        raise _listed(path, [_key_problem(detail) for detail in error.errors()]) from None
    if found := problems(crm):
        raise _listed(path, found)
    # The dataclass is frozen for its readers; this is the one place that knows the path.
    object.__setattr__(crm, "path", str(path))
    return crm


def dump_crm_file(crm: CrmFile, path: str | Path) -> None:
    """Write `crm` so that `load_crm_file` reads an equal one back (comments are lost)."""
    text = yaml.safe_dump(crm_content(crm), sort_keys=False, allow_unicode=True, width=96)
    Path(path).write_text(text, encoding="utf-8")


def crm_content(crm: CrmFile) -> dict[str, Any]:
    """The keys that differ from their defaults, as plain lists, mappings and scalars."""
    return _CRM.dump_python(crm, mode="json", exclude_defaults=True, exclude={"path"})


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_AsWritten)
    except OSError as error:
        raise UserError(f"{path}: cannot read the CRM file: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys (name, source, ...) at the top.")
    return content


def _listed(path: str | Path, found: list[str]) -> UserError:
    head = f"{path}: {len(found)} problem{'s' if len(found) > 1 else ''} in the CRM file:"
    return UserError("\n  ".join([head, *found]))


def _key_problem(detail: Any) -> str:
    location = tuple(part for part in detail["loc"] if not str(part).startswith("function"))
    key = ".".join(str(part) for part in location) or "(top)"
    if detail["type"] == "unexpected_keyword_argument":
        valid = _valid_keys(location[:-1])
        return (
            f"{key}: unknown key{nearest(str(location[-1]), valid)} (valid: {', '.join(valid)})"
        )
    if detail["type"].startswith("missing"):
        return f"{key}: this key is required"
    said = detail["msg"].removeprefix("Value error, ").replace("tuple", "list")
    said = said.replace("dictionary or an instance of", "mapping of keys for")
    came = detail["input"]
    return f"{key}: {said}" + (f" (came: {came!r})" if isinstance(came, str) else "")


def _valid_keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that are valid at `location`, found by walking the types of the dataclasses."""
    kind: Any = CrmFile
    for part in location:
        if isinstance(part, str) and dataclasses.is_dataclass(kind):
            kind = get_type_hints(kind)[part]
        kind = next((t for t in (kind, *get_args(kind)) if dataclasses.is_dataclass(t)), kind)
    return [field.name for field in dataclasses.fields(kind) if field.init]
