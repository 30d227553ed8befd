"""What must hold between the keys of a CRM file: every problem, each with its dotted key."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from leadrank.funnel.crm_columns import (
    PLACEHOLDER,
    RESERVED,
    model_inputs,
    outcome_columns,
    outcome_rules,
    row_columns,
    training_columns,
)
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.nearest import nearest

T = TypeVar("T", bound=Hashable)


def problems(crm: CrmFile) -> list[str]:
    """All problems between keys, `dotted.key: what is wrong and what to do`."""
    checks = (_placeholders, _source, _stages, _values, _time, _order, _leakage, _names, _split)
    return [problem for check in checks for problem in check(crm)]


def _placeholders(crm: CrmFile) -> Iterator[str]:
    for column, key in dict.fromkeys(row_columns(crm) + training_columns(crm)):
        if column == PLACEHOLDER:
            yield f"{key}: {column} is a placeholder of the draft; put the column's name there"


def _twice(values: Iterable[T]) -> list[T]:
    return [value for value, count in Counter(values).items() if count > 1]


def _source(crm: CrmFile) -> Iterator[str]:
    events = crm.text.events
    tables = [t for t in crm.source.tables if not events or t != events.table]
    if not crm.source.query and len(tables) != 1:
        yield f"source.query: needed unless there is exactly one table of leads (now {tables})"
    if events and events.table not in crm.source.tables and not crm.source.attach:
        hint = nearest(events.table, crm.source.tables)
        yield f"text.events.table: {events.table!r} is not in source.tables{hint}"


def _stages(crm: CrmFile) -> Iterator[str]:
    for name in _twice(crm.stage_names):
        yield f"stages: the name {name!r} appears more than once; stage names must be unique"
    for i, stage in enumerate(crm.stages):
        if stage.always and (i > 0 or len(crm.stages) == 1):
            yield f"stages.{i}: `always` is for the first of several stages only"


def _values(crm: CrmFile) -> Iterator[str]:
    for column, value in _twice((s.column, v) for s in crm.stages for v in s.values or ()):
        yield f"stages: {column} = {value!r} is given more than once; it must mean one stage"
    for rule, key in outcome_rules(crm):
        for value in set(rule.values or ()) & set(crm.missing):
            yield f"{key}.values: {value!r} is also listed under `missing`, so it never holds"


def _time(crm: CrmFile) -> Iterator[str]:
    if crm.horizon_days is None and crm.extract != "final":
        yield "horizon_days: null is allowed only with `extract: final`; give a number of days"


def _order(crm: CrmFile) -> Iterator[str]:
    if crm.snapshot.kind != "order":
        return
    needs_time = {
        "extract": crm.extract != "final",
        "horizon_days": crm.horizon_days is not None,
        "group.day": crm.group is not None and crm.group.day,
        "text.events": crm.text.events is not None,
        "text.columns.at": any(c.at for c in crm.text.columns),
        "stages and lost, reached_at": any(r.reached_at for r, _ in outcome_rules(crm)),
    }
    for key in (key for key, used in needs_time.items() if used):
        yield f"{key}: needs a snapshot that is a time, but snapshot.kind is `order`"


def _leakage(crm: CrmFile) -> Iterator[str]:
    outcomes = dict(outcome_columns(crm))
    inputs = model_inputs(crm)
    inputs += [(c, "group.columns") for c in crm.group.columns] if crm.group else []
    for column, key in inputs:
        if column in crm.forbidden:
            yield f"{key}: {column!r} is listed under `forbidden` (known only later)"
        elif column in outcomes:
            yield f"{key}: {column!r} decides {outcomes[column]}, so it is known only later"


def _names(crm: CrmFile) -> Iterator[str]:
    columns = (*crm.fields.numeric, *crm.fields.categorical)
    for column in _twice(column for column, _ in model_inputs(crm)):
        yield f"fields: the column {column!r} is used more than once as an input"
    for name in _twice(field.name for field in columns):
        yield f"fields: the name {name!r} is given to more than one column"
    categorical = {field.column for field in crm.fields.categorical}
    for column in _twice(s.column for s in crm.soft_signals):
        yield f"soft_signals: the column {column!r} is listed more than once"
    for signal in (s.column for s in crm.soft_signals if s.column in categorical):
        yield f"soft_signals: {signal!r} is a categorical field; a soft signal is a number"
    table_columns = [(f.column, "fields") for f in columns]
    table_columns += [(s.column, "soft_signals") for s in crm.soft_signals]
    for column, key in ((c, k) for c, k in table_columns if c in RESERVED):
        yield (
            f"{key}: {column!r} is a column of the lead table itself; "
            f'rename it in source.query (select "{column}" as crm_{column})'
        )
    if not model_inputs(crm) and not crm.text.events:
        yield "fields: there is no input; give at least one field or text"


def _split(crm: CrmFile) -> Iterator[str]:
    if (crm.split.kind == "group") != (crm.split.by is not None):
        yield "split.by: the column to split by, needed for kind `group` and only there"
