"""A sweep file: W&B's own format, read for the local runner.

`wandb sweep` and `wandb agent` take the same file as it stands. What only W&B's server can do
(`early_terminate`, nested parameters) is refused here, not ignored.
"""

import re
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic import model_validator as validator
from pydantic.dataclasses import dataclass
from pydantic.type_adapter import TypeAdapter

from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest

Value = bool | int | float | str
STRICT = ConfigDict(extra="forbid")
ENVIRONMENT = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
DISTRIBUTIONS = ("int_uniform", "uniform", "log_uniform_values", "q_uniform")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Parameter:
    """One setting: a constant `value`, a list of `values`, or a range from `min` to `max`.

    Args:
        value: the same in every trial.
        values: one of these.
        min: lowest value of a range.
        max: highest value of a range.
        distribution: as W&B names it; by default uniform, over integers where both ends are.
        q: step of `q_uniform`.
    """

    value: Value | None = None
    values: list[Value] | None = None
    min: int | float | None = None
    max: int | float | None = None
    distribution: str | None = None
    q: float = 1.0

    @validator(mode="after")
    def _one_kind(self) -> "Parameter":
        ranged = self.min is not None and self.max is not None
        if sum((self.value is not None, bool(self.values), ranged)) != 1:
            raise ValueError("expected one of `value`, `values` (not empty), `min` with `max`")
        if self.values and any(self.values.count(value) > 1 for value in self.values):
            raise ValueError(f"values {list(self.values)} holds one of them twice")
        if ranged and self.kind not in DISTRIBUTIONS:
            raise ValueError(
                f"no distribution {self.kind!r} here; expected {', '.join(DISTRIBUTIONS)}"
            )
        if ranged and not self.min < self.max:  # type: ignore[operator]
            raise ValueError(f"min {self.min} is not below max {self.max}")
        if ranged and self.kind == "log_uniform_values" and self.min <= 0:  # type: ignore[operator]
            raise ValueError(f"min is {self.min}; a log-uniform range begins above 0")
        return self

    @property
    def kind(self) -> str:
        """The distribution, also where W&B lets it go without saying."""
        whole = isinstance(self.min, int) and isinstance(self.max, int)
        return self.distribution or ("int_uniform" if whole else "uniform")

    @property
    def choices(self) -> list[Value] | None:
        """All values, or None for a range."""
        return self.values if self.value is None else [self.value]


def _of_validation(name: str) -> str:
    if not name.startswith("val/"):
        raise ValueError("only figures of the validation part may choose: val/...")
    return name


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Metric:
    """What a trial is judged by: a logged figure of the validation part."""

    name: Annotated[str, AfterValidator(_of_validation)]
    goal: Literal["maximize", "minimize"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SweepFile:
    """A sweep as W&B writes it.

    Args:
        program: what `${program}` stands for.
        command: words of a trial's command; `${env}`, `${interpreter}`, `${program}`,
            `${args}` and, within words, `${envvar:NAME}` stand for what they do at W&B.
        method: `grid` (all values), `random` or `bayes` (Optuna's TPE).
        metric: what to choose by.
        parameters: settings by their dotted flags.
        run_cap: most trials.
        description: the question that the sweep answers.
        name: what W&B calls it.
        project: where W&B keeps it.
        entity: whose it is there.
    """

    program: str
    command: list[str]
    method: Literal["grid", "random", "bayes"]
    metric: Metric
    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    run_cap: Annotated[int, Field(ge=1)] | None = None
    description: str = ""
    name: str = ""
    project: str = ""
    entity: str = ""

    @validator(mode="after")
    def _runs_here(self) -> "SweepFile":
        ranges = [name for name, one in self.parameters.items() if one.choices is None]
        if self.method == "grid" and ranges:
            raise ValueError(f"a grid needs `values`, which {', '.join(ranges)} has not")
        known = ("${env}", "${interpreter}", "${program}", "${args}")
        odd = [w for w in self.command if w.startswith("${") and w not in known]
        odd = [word for word in odd if not ENVIRONMENT.match(word)]
        if odd or "${args}" not in self.command:
            raise ValueError(
                f"command: expected {', '.join(known)}, ${{envvar:NAME}} and plain words, "
                f"${{args}} among them; came {self.command}"
            )
        return self

    @property
    def varied(self) -> list[str]:
        """The settings that differ between trials."""
        return [n for n, one in self.parameters.items() if one.choices is None
                or len(one.choices) > 1]  # fmt: skip

    def grid(self) -> list[dict[str, Value]]:
        """Every combination of values, the last parameter's changing fastest."""
        names = list(self.parameters)
        choices = [self.parameters[name].choices or [] for name in names]
        return [dict(zip(names, values, strict=True)) for values in product(*choices)]

    def words(
        self, parameters: Mapping[str, Value], environment: Mapping[str, str]
    ) -> list[str]:
        """A trial's command as `wandb agent` would call it.

        Names that the environment has not stay as they are, as they do there.
        """

        def filled(word: str) -> str:
            return ENVIRONMENT.sub(lambda name: environment.get(name[1], name[1]), word)

        meanings = {
            "${env}": ["/usr/bin/env"],
            "${interpreter}": [sys.executable],
            "${program}": [self.program],
            "${args}": [f"--{name}={value}" for name, value in parameters.items()],
        }
        return [one for word in self.command for one in meanings.get(word, [filled(word)])]


def load_sweep(path: Path) -> SweepFile:
    """The sweep file at `path`; UserError with every problem of it."""
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise UserError(
            f"{path}: no such sweep{nearest(path.stem, known)} "
            f"(in {path.parent}: {', '.join(known) or 'none'})"
        )
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        return TypeAdapter(SweepFile).validate_python(content)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: not YAML in UTF-8: {error}") from None
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
        raise UserError("\n  ".join([f"{path}: not a sweep for here:", *problems])) from None


def _problem(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "(top)"
    if detail["type"] == "unexpected_keyword_argument":
        return f"{key}: not known here; W&B may know it (`wandb sweep`), or drop it"
    if detail["type"].startswith("missing"):
        return f"{key}: this key is required"
    return f"{key}: {detail['msg'].removeprefix('Value error, ')}"
