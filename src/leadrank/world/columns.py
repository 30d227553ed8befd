"""The CRM's columns of leads as of a morning: what the log holds of the days before.

Names and windows (60 days of calls, 180 days of test drives) are those of the published sample
of HPRO's data. Days are counted back from the morning; NaN becomes null: it never happened, or,
in a few cells, nobody filled it in.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from leadrank.world.draws import call_key, hashed, own_key
from leadrank.world.people import CHANNELS, MODELS
from leadrank.world.settings import SNAPSHOT_HOUR, START
from leadrank.world.timeline import Timeline

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

CALL_DAYS, DRIVE_DAYS = 60, 180
STATUSES = ("no answer", "short", "talked", "appointment", "refused")
#: Share of cells that nobody filled in.
NOT_FILLED = {
    "last_intention_level_id": 0.05, "last_follow_status_id": 0.03, "channel_code": 0.02,
    "avg_duration": 0.03, "specialist_lock_rate": 0.04, "last_call_duration": 0.03,
    "car_model_code": 0.06,
}  # fmt: skip
ALWAYS = -(1 << 11)  # before the first day

Columns = dict[str, NDArray]


def crm_rows(world: "Dealership", lead: NDArray, day: NDArray) -> pl.DataFrame:
    """One row per (lead, day), as the CRM showed it at eight that morning."""
    frame = pl.DataFrame(
        {
            "customer_account_id": customer_ids(lead),
            "ppl_dt": times(day, np.full(len(day), SNAPSHOT_HOUR * 3600)),
            **_ticket(world, lead, day),
            **_follow_ups(world, lead, day),
            **_conversations(world, lead, day),
            **_drives(world, lead, day),
            **_specialist(world, lead, day),
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
    key = call_key(world.seed, lead, day)
    return frame.with_columns(
        pl.when(pl.Series(hashed(key, 400 + at) >= share)).then(name).alias(name)
        for at, (name, share) in enumerate(NOT_FILLED.items())
    )


def customer_ids(lead: NDArray) -> pl.Series:
    """C0000123 for lead 123."""
    return pl.Series(lead).cast(pl.String).str.zfill(7).str.replace("^", "C")


def times(day: NDArray, second: NDArray) -> pl.Series:
    """Time stamps of a second of a day of the world."""
    micros = (np.asarray(day, np.int64) * 86_400 + np.asarray(second, np.int64)) * 1_000_000
    return pl.Series(micros).cast(pl.Duration("us")) + START


def _ticket(world: "Dealership", lead: NDArray, day: NDArray) -> Columns:
    people = world.people
    opened = Timeline(world.log.read("tickets"))
    last, again = opened.back(lead, day, 1)
    since = day - people.arrival[lead]
    if again.any():
        since = np.where(again, day - world.log.read("tickets")["day"][last], since)
    lost = people.defeats_before[lead] + Timeline(world.log.read("defeats")).count(
        lead, np.full(len(lead), ALWAYS), day
    )
    between = 25 + 60 * hashed(own_key(world.seed, lead), 9)
    reopened = opened.count(lead, np.full(len(lead), ALWAYS), day)
    return {
        "ticket_create_cnt": 1 + people.tickets[lead] + reopened,
        "avg_defeat_interval": np.where(lost > 0, np.round(between / np.maximum(lost, 1), 1),
                                        np.nan),
        "last_ticket_create_interval": since,
        "channel_code": np.array(CHANNELS)[people.channel[lead]],
        "car_model_code": np.array(MODELS)[people.model[lead]],
        "visit_cnt": Timeline(world.log.read("visits")).count(lead, day - CALL_DAYS, day),
    }  # fmt: skip


def _follow_ups(world: "Dealership", lead: NDArray, day: NDArray) -> Columns:
    calls = world.log.read("calls")
    every = Timeline(calls)
    count = every.count(lead, day - CALL_DAYS, day)
    columns: Columns = {
        "total_follow_up_cnt": count,
        "follow_frequence": np.round(count / CALL_DAYS, 3),
        "follow_cnt": every.count(lead, np.full(len(lead), ALWAYS), day),
    }
    for steps, prefix in ((1, "last"), (2, "last2")):
        at, there = every.back(lead, day, steps)
        day_of, state, grade = _taken(calls, ("day", "state", "grade"), at)
        columns[f"{prefix}_follow_interval"] = np.where(there, day - day_of, np.nan)
        level = np.where(there & (grade > 0), grade.astype(float), np.nan)
        columns[f"{prefix}_intention_level_id"] = level
        status = np.array([*STATUSES, ""])[np.where(there, state, len(STATUSES))]
        columns[f"{prefix}_follow_status_id"] = np.where(status == "", "none", status)
    return columns


def _taken(log: Columns, names: tuple[str, ...], at: NDArray) -> list[NDArray]:
    """Columns of the log at positions; zeros when it is empty."""
    if not len(log["lead"]):
        return [np.zeros(len(at), np.int64) for _ in names]
    return [log[name][at] for name in names]


def _conversations(world: "Dealership", lead: NDArray, day: NDArray) -> Columns:
    calls = world.log.read("calls")
    talks = Timeline(calls, calls["connected"].astype(bool))
    count = talks.count(lead, day - CALL_DAYS, day)
    attempts = Timeline(calls).count(lead, day - CALL_DAYS, day)
    total = talks.sums("minutes", lead, day - CALL_DAYS, day)
    columns: Columns = {
        "call_conn_cnt": count,
        "call_conn_frequence": np.round(count / CALL_DAYS, 3),
        "call_conn_ratio": np.where(attempts > 0, np.round(count / np.maximum(attempts, 1), 3),
                                    np.nan),
        "max_duration": talks.largest("minutes", lead, day - CALL_DAYS, day).round(2),
        "avg_duration": np.where(count > 0, np.round(total / np.maximum(count, 1), 2), np.nan),
    }  # fmt: skip
    for steps, prefix in ((1, "last"), (2, "last2")):
        at, there = talks.back(lead, day, steps)
        (minutes,) = _taken(calls, ("minutes",), at)
        columns[f"{prefix}_call_duration"] = np.where(there, minutes, np.nan).round(2)
    return columns


def _drives(world: "Dealership", lead: NDArray, day: NDArray) -> Columns:
    drives = Timeline(world.log.read("drives"))
    window = (lead, day - DRIVE_DAYS, day)
    return {
        "attempt_drive_success_cnt": drives.count(*window),
        "attempt_drive_type_cnt": drives.distinct("kind", *window),
        "attempt_drive_vehicle_type_cnt": drives.distinct("model", *window),
    }


def _specialist(world: "Dealership", lead: NDArray, day: NDArray) -> Columns:
    staff, rep = world.staff, world.people.rep[lead]
    at = np.asarray(day) + world.settings.warm_up
    # This morning's entry exists only once the day has begun.
    totals = np.stack([*world.rep_totals, world.totals])[:, :, :]
    leads, orders, visitors = totals[np.minimum(at, len(totals) - 1), :, rep].T
    rated = np.where(leads >= 5, orders / np.maximum(leads, 1), np.nan)
    store = np.char.add("S", np.char.zfill(staff.store[rep].astype(str), 3))
    return {
        "specialist_id": np.char.add("R", np.char.zfill(rep.astype(str), 4)),
        "specialist_total_customer_num": leads,
        "specialist_lock_rate": np.round(rated, 3),
        "specialist_store_code": store,
        "specialist_store_province_id": np.char.add("P", staff.province[rep].astype(str)),
        "specialist_into_store_ticket_lock_rate": np.where(
            visitors >= 5, np.round(orders / np.maximum(visitors, 1), 3), np.nan
        ),
        "specialist_level": staff.level[rep],
        "specialist_join_level": np.digitize(staff.tenure[rep], [1, 3, 6]),
        "specialist_avg_drive_score": np.where(
            hashed(own_key(world.seed, rep), 5) < 0.2,
            np.nan,
            np.round(staff.drive_score[rep], 1),
        ),
    }
