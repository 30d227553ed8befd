"""Which columns of the source a CRM file speaks of, each with the key that says so."""

from leadrank.funnel.crm_keys import CrmFile, Rule

RESERVED = (
    "row_id", "lead_id", "snapshot", "group", "stage", "label", "lost", "mature",
    "followed_days", "order_days", "weight", "part", "text",
)  # fmt: skip

#: What a draft puts where it could not guess the column.
PLACEHOLDER = "CHANGE_ME"


def model_inputs(crm: CrmFile) -> list[tuple[str, str]]:
    """(column, dotted key) of everything a model may read of a row."""
    listed = [("numeric", f) for f in crm.fields.numeric]
    listed += [("categorical", f) for f in crm.fields.categorical]
    pairs = [(f.column, f"fields.{kind}") for kind, f in listed]
    pairs += [(c.column, "text.columns") for c in crm.text.columns]
    return pairs


def row_columns(crm: CrmFile) -> list[tuple[str, str]]:
    """(column, dotted key) of what every row must have, labelled or not."""
    pairs = [(crm.lead_id, "lead_id"), (crm.snapshot.column, "snapshot.column")]
    pairs += model_inputs(crm)
    pairs += [(c.at, "text.columns.at") for c in crm.text.columns if c.at]
    if crm.group:
        pairs += [(column, "group.columns") for column in crm.group.columns]
    return pairs


def outcome_rules(crm: CrmFile) -> list[tuple[Rule, str]]:
    """(rule, dotted key) of each stage and of lost."""
    rules: list[tuple[Rule, str]] = [(s, f"stages.{i}") for i, s in enumerate(crm.stages)]
    return rules + ([(crm.lost, "lost")] if crm.lost else [])


def outcome_columns(crm: CrmFile) -> list[tuple[str, str]]:
    """(column, dotted key) of what stage and lost rules read: known only after the snapshot."""
    pairs = [(rule.reached_at or rule.column, key) for rule, key in outcome_rules(crm)]
    return [(column, key) for column, key in pairs if column]


def training_columns(crm: CrmFile) -> list[tuple[str, str]]:
    """(column, dotted key) of what only labelled rows must have."""
    pairs = outcome_columns(crm)
    pairs += [(s.column, "soft_signals") for s in crm.soft_signals]
    pairs += [(crm.weight, "weight")] if crm.weight else []
    return pairs + ([(crm.split.by, "split.by")] if crm.split.by else [])
