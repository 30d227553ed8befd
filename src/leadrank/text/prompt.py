"""The prompt template: what stands around a lead's fields and texts, and how long it may be."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import polars as pl
import yaml

from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest

if TYPE_CHECKING:
    from leadrank.funnel import LeadTable
    from leadrank.funnel.crm_keys import Column

FILE_NAME = "prompt.yaml"
Fields = Literal["auto", "all", "none"]
Cut = Literal["oldest", "end"]


@dataclasses.dataclass(frozen=True)
class PromptTemplate:
    """How a lead is written out: `prefix`, one line per field, texts newest first, `suffix`.

    `fields='auto'` writes all fields when the CRM file has no text and none when it has: the
    field tower has them then. A prompt has at most `max_tokens` tokens; when it is cut, text
    keeps at least the share `text_share` of what prefix and suffix leave. `cut_first` names the
    fields' columns in the order in which they go; `fit_template` computes it once, so that new
    rows lose the same fields. Raises UserError, all problems at once.

    As HPRO's released code does, and only to reproduce it: `cut='end'` cuts fields and texts
    where the room ends, in the middle of a word if it comes so; `append_pad` ends the prompt
    with the tokenizer's padding token, which `pooling: last` then reads, and the answer too.
    """

    prefix: str = ""
    suffix: str = ""
    fields: Fields = "auto"
    max_tokens: int = 192
    text_share: float = 0.5
    cut_first: tuple[str, ...] | None = None
    cut: Cut = "oldest"
    append_pad: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.cut_first, list):  # as YAML and jsonargparse give it
            object.__setattr__(self, "cut_first", tuple(self.cut_first))
        problems = []
        if self.fields not in get_args(Fields):
            problems.append(f"fields is {self.fields!r}; write auto, all or none")
        if self.cut not in get_args(Cut):
            problems.append(f"cut is {self.cut!r}; write oldest or end")
        if self.max_tokens < 1:
            problems.append(f"max_tokens is {self.max_tokens}; write a number of at least 1")
        if not 0 <= self.text_share <= 1:
            problems.append(f"text_share is {self.text_share}; write a share from 0 to 1")
        if problems:
            raise UserError("\n".join(f"prompt: {problem}" for problem in problems))


def fit_template(template: PromptTemplate, table: "LeadTable") -> PromptTemplate:
    """Return the template with `fields` resolved and `cut_first` set; as it is if it has one.

    The first to go is the field that the training rows miss most often; of two that miss as
    often, the later one in the CRM file. Raises UserError without training rows.
    """
    if template.cut_first is not None:
        return template
    has_text = table.crm.has_text
    if template.fields == "none" or (template.fields == "auto" and has_text):
        return dataclasses.replace(template, fields="none", cut_first=())
    train = table.rows.filter(pl.col("part") == "train")
    if train.is_empty():
        raise UserError(
            "prompt: the template does not say which fields are cut first, and the table has "
            "no training rows to find out; use the prompt.yaml that the training run saved"
        )
    columns = [field.column for field in field_specs(table)]
    missing = np.array([train[column].null_count() for column in columns])
    order = np.lexsort((np.arange(len(columns)), missing))[::-1]
    cut_first = tuple(columns[i] for i in order)
    return dataclasses.replace(template, fields="all", cut_first=cut_first)


def field_specs(table: "LeadTable") -> "list[Column]":
    """Return the CRM file's numeric fields, then its categorical ones: the prompt's order."""
    return [*table.crm.fields.numeric, *table.crm.fields.categorical]


def save_template(template: PromptTemplate, folder: Path) -> Path:
    """Write the template as `prompt.yaml` into `folder` and return the file's path."""
    path = folder / FILE_NAME
    document = dataclasses.asdict(template)
    if template.cut_first is not None:
        document["cut_first"] = list(template.cut_first)
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    return path


def load_template(folder: Path) -> PromptTemplate:
    """Read `prompt.yaml` from `folder`; raises UserError if it is absent or has a wrong key."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise UserError(f"{path}: no prompt template here; expected a finished run's folder")
    document = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(document, dict):
        raise UserError(f"{path}: expected keys and values, got {type(document).__name__}")
    known = [field.name for field in dataclasses.fields(PromptTemplate)]
    unknown = [key for key in document if key not in known]
    if unknown:
        lines = (f"{path}: unknown key {key!r}{nearest(str(key), known)}" for key in unknown)
        raise UserError("\n".join(lines))
    return PromptTemplate(**document)
