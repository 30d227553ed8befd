"""The CRM file of a simulated world: which column is what, and what must not be an input."""

from datetime import datetime

#: What a world's CRM is called; `world` is the quickstart's, which is made where it is missing.
NAME = "dealership"
#: Column, human name, unit.
NUMERIC: tuple[tuple[str, str, str], ...] = (
    ("ticket_create_cnt", "requests so far", "requests"),
    ("avg_defeat_interval", "mean time between defeats", "days"),
    ("last_ticket_create_interval", "time since the last request", "days"),
    ("total_follow_up_cnt", "follow-ups in 60 days", "follow-ups"),
    ("follow_frequence", "follow-ups a day in 60 days", ""),
    ("last_follow_interval", "time since the last follow-up", "days"),
    ("last2_follow_interval", "time since the follow-up before", "days"),
    ("last_intention_level_id", "intention at the last follow-up (1 to 8)", ""),
    ("last2_intention_level_id", "intention at the follow-up before (1 to 8)", ""),
    ("call_conn_cnt", "calls answered in 60 days", "calls"),
    ("call_conn_frequence", "calls answered a day in 60 days", ""),
    ("call_conn_ratio", "share of calls answered in 60 days", ""),
    ("max_duration", "longest call in 60 days", "minutes"),
    ("avg_duration", "mean call in 60 days", "minutes"),
    ("last_call_duration", "last call", "minutes"),
    ("last2_call_duration", "call before the last", "minutes"),
    ("visit_cnt", "times the customer came or wrote in 60 days", "times"),
    ("attempt_drive_success_cnt", "test drives in 180 days", "drives"),
    ("attempt_drive_type_cnt", "kinds of test drive in 180 days", "kinds"),
    ("attempt_drive_vehicle_type_cnt", "models driven in 180 days", "models"),
    ("follow_cnt", "follow-ups", "follow-ups"),
    ("specialist_total_customer_num", "customers of the rep", "customers"),
    ("specialist_lock_rate", "order rate of the rep", ""),
    ("specialist_into_store_ticket_lock_rate", "order rate of the rep after a visit", ""),
    ("specialist_level", "level of the rep", ""),
    ("specialist_join_level", "seniority of the rep", ""),
    ("specialist_avg_drive_score", "mean score of the rep's test drives", ""),
)
CATEGORICAL: tuple[tuple[str, str], ...] = (
    ("channel_code", "channel"),
    ("car_model_code", "model of interest"),
    ("last_follow_status_id", "what came of the last follow-up"),
    ("last2_follow_status_id", "what came of the follow-up before"),
    ("specialist_store_code", "store"),
    ("specialist_store_province_id", "province of the store"),
)
#: Filled in once the outcome is known, whatever the row's morning.
LATER_FIELDS = (
    "lock_label", "min_lock_time", "delivery_slot", "closing_reason", "test_drive_at",
    "order_at", "defeat_at", "call_minutes",
)  # fmt: skip


def crm_text(*, extract: datetime) -> str:
    """The CRM file of a world whose tables lie beside it (`--data.root` names the folder)."""
    numeric = "\n".join(
        f"    - {{column: {column}, name: {name}{f', unit: {unit}' if unit else ''}}}"
        for column, name, unit in NUMERIC
    )
    categorical = "\n".join(
        f"    - {{column: {column}, name: {name}}}" for column, name in CATEGORICAL
    )
    return f"""\
# A simulated dealership, written by `leadrank world`; a row is a lead on a morning.
name: {NAME}
about: Simulated car dealership.
source:
  tables: {{leads: leads.parquet, calls: calls.parquet}}
  # The export holds some rows twice.
  query: select distinct *, specialist_id as rep from leads order by ppl_dt, customer_account_id
  get: "`leadrank world --leads 60000 --days 217 --seed 0 --out FOLDER` makes it."
timezone: UTC
# Not ticket_id: some customers were entered twice, under two tickets.
lead_id: customer_account_id
snapshot: {{column: ppl_dt, kind: time}}
horizon_days: 30
extract: {extract.date()}
stages:
  - {{name: contacted, always: true}}
  - {{name: test drive, reached_at: test_drive_at}}
  - {{name: order, reached_at: order_at}}
lost: {{reached_at: defeat_at}}
group: {{columns: [rep], day: true}}
fields:
  numeric:
{numeric}
  categorical:
{categorical}
text:
  events: {{table: calls, lead_id: customer_account_id, at: at, author: author, text: text}}
# Minutes talked within the 30 days after the snapshot: supervision, never an input.
soft_signals: [{{column: call_minutes}}]
forbidden: [{", ".join(LATER_FIELDS)}]
split: {{kind: time, test: 0.3, validation: 0.15, lead_disjoint: true}}
"""
