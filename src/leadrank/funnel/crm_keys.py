"""The keys of a CRM file as frozen dataclasses; `crm_file` loads them, `crm_checks` joins them.

Everything a CRM file says is about the CRM; nothing here is about models. Keys are checked one
by one by pydantic; what concerns several keys at once is in `crm_checks`.
"""

from dataclasses import field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from leadrank.funnel.funnel import Funnel
from leadrank.funnel.nearest import nearest

STRICT_KEYS = ConfigDict(extra="forbid")


def _blank_to_none(value: Any) -> Any:
    """The file is read as written (see `crm_file`), so YAML's null arrives as text."""
    return None if value in ("null", "~", "") else value


def _known_zone(name: str) -> str:
    zones = available_timezones()
    if name not in zones:
        raise ValueError(f"no such time zone{nearest(name, zones)}, e.g. UTC or Europe/Berlin")
    return name


def _final_or_time(text: str) -> str:
    if text != "final":
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("expected `final`, a date or a time like 2024-06-30") from None
    return text


NullableText = Annotated[str | None, BeforeValidator(_blank_to_none)]
NullableFloat = Annotated[float | None, BeforeValidator(_blank_to_none)]
NullableDays = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_blank_to_none)]


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Source:
    """Where the rows come from: files under the data root, databases, a query over both."""

    tables: dict[str, str] = Field(default_factory=dict)
    query: NullableText = None
    attach: dict[str, str] = Field(default_factory=dict)
    get: str = ""


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Snapshot:
    """The column that says when a row's inputs were known: a time, unix seconds or an order."""

    column: str
    kind: Literal["time", "unix", "order"]


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Rule:
    """When something happened: a time column, a column's values, or a least number."""

    reached_at: NullableText = None
    column: NullableText = None
    values: tuple[str, ...] | None = None
    at_least: NullableFloat = None

    @model_validator(mode="after")
    def _one_rule(self) -> "Rule":
        given = [
            self.reached_at is not None,
            self.values is not None,
            self.at_least is not None,
        ]
        always = getattr(self, "always", False)
        if sum(given) + always != 1 or (self.column is not None) != (given[1] or given[2]):
            raise ValueError(
                "expected exactly one rule: `always: true`, `reached_at: COLUMN`, "
                "`column:` with `values:`, or `column:` with `at_least:`"
            )
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Stage(Rule):
    """One stage of the funnel and the rule that says that it was reached."""

    name: str
    always: bool = False


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Group:
    """The columns (rep or store) and, with `day`, the local day that make one call list.

    `capacity`: how many of a list's leads there is time to call.
    """

    columns: tuple[str, ...] = ()
    day: bool = False
    capacity: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Column:
    """A field: its column in the source, its human name and, for numbers, its unit."""

    column: str
    name: str
    unit: NullableText = None


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Fields:
    """The structured inputs."""

    numeric: tuple[Column, ...] = ()
    categorical: tuple[Column, ...] = ()


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class TextColumn:
    """A text input; with `at` (the note's time) it is dropped when later than the snapshot."""

    column: str
    name: str
    at: NullableText = None


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Events:
    """A table of notes, joined as of the snapshot."""

    table: str
    lead_id: str
    at: str
    text: str
    author: NullableText = None


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Text:
    """The customer text: columns of the row, a table of events, or both."""

    columns: tuple[TextColumn, ...] = ()
    events: Events | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class SoftSignal:
    """A number that orders leads of equal stage (call minutes): supervision, never an input."""

    column: str


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class Split:
    """How the rows part into train, validation and test; shares of the mature rows."""

    kind: Literal["time", "group", "random"]
    test: float = Field(default=0.3, gt=0, lt=1)
    validation: float = Field(default=0.15, gt=0, lt=1)
    lead_disjoint: bool = True
    by: NullableText = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True, config=STRICT_KEYS)
class CrmFile:
    """All that leadrank must know about one CRM, as written in its CRM file."""

    name: str
    source: Source
    timezone: Annotated[str, AfterValidator(_known_zone)]
    lead_id: str
    snapshot: Snapshot
    extract: Annotated[str, AfterValidator(_final_or_time)]
    stages: tuple[Stage, ...] = Field(min_length=1)
    split: Split
    about: str = ""
    confirmed: bool = True
    horizon_days: NullableDays = None
    lost: Rule | None = None
    group: Group | None = None
    weight: NullableText = None
    missing: tuple[str, ...] = ("",)
    fields: Fields = Field(default_factory=Fields)
    text: Text = Field(default_factory=Text)
    soft_signals: tuple[SoftSignal, ...] = ()
    forbidden: tuple[str, ...] = ()
    max_unusable: float = Field(default=0.01, ge=0, le=1)
    # Where it was read from, for messages; set by `load_crm_file`, no part of the content.
    path: str = field(default="the CRM file", init=False, repr=False, compare=False)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages' names, shallow first."""
        return tuple(stage.name for stage in self.stages)

    @property
    def has_text(self) -> bool:
        """Whether there is customer text: without it a prompt only repeats the fields."""
        return bool(self.text.columns) or self.text.events is not None

    @property
    def funnel(self) -> Funnel:
        """The stages without the columns that they are read from."""
        return Funnel(
            self.stage_names,
            self.lost is not None,
            self.horizon_days,
            tuple(signal.column for signal in self.soft_signals),
            self.group is not None,
            self.stages[-1].reached_at is not None and self.extract != "final",
        )

    @property
    def extract_at(self) -> datetime | None:
        """The extract time in UTC (a date means its first moment); None when it is `final`."""
        if self.extract == "final":
            return None
        time = datetime.fromisoformat(self.extract)
        local = time if time.tzinfo else time.replace(tzinfo=ZoneInfo(self.timezone))
        return local.astimezone(UTC)
