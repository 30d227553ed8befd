"""A simulated dealership written to a folder as a CRM would export it.

leads.parquet has one row per lead and snapshot, calls.parquet every call before the extract,
truth.parquet the true probability of an order within the horizon, which no input column holds.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from leadrank.world.calls import Calls, make_calls
from leadrank.world.customers import Customers, Floats, Ints, draw_customers
from leadrank.world.funnel import Outcomes, order_probability, simulate_outcomes
from leadrank.world.parameters import (
    HORIZON_DAYS,
    LIST_HOUR,
    LIST_WEEKDAYS,
    START,
    WorldParameters,
)

#: A lead is on the list days nearest after these ages, each with its probability.
SNAPSHOT_AGES = np.array([1, 8, 22, 50])
SNAPSHOT_KEPT = np.array([1.0, 0.55, 0.4, 0.25])
REPS = ("Marta", "Jonas", "Aylin", "Pavel", "Ines", "Colm", "Ruth", "Tomas")


def make_world(leads: int, days: int, seed: int, out: Path) -> None:
    """Write leads, calls, truth and parameters of a world of `leads` leads over `days` days.

    The same arguments give the same bytes. Raises ValueError when nothing could mature.
    """
    if leads < 1 or days <= HORIZON_DAYS + 7:
        raise ValueError(
            f"a world needs at least 1 lead and {HORIZON_DAYS + 8} days, got {leads} and {days}"
        )
    world = WorldParameters(leads=leads, days=days, seed=seed)
    customers = draw_customers(world)
    outcomes = simulate_outcomes(world, customers)
    calls = make_calls(world, customers, outcomes)
    lead, day = _snapshots(world, customers, outcomes)
    probability = order_probability(world, customers, outcomes, lead, day)
    rows = _rows(world, customers, outcomes, calls, lead, day)
    truth = rows.select("lead_id", "snapshot").with_columns(probability=probability)
    out.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(out / "leads.parquet")
    _call_events(world, customers, calls).write_parquet(out / "calls.parquet")
    truth.write_parquet(out / "truth.parquet")
    parameters = {**asdict(world), "start": START.isoformat(), "horizon_days": HORIZON_DAYS}
    parameters["extract"] = world.extract.isoformat()
    (out / "world.json").write_text(json.dumps(parameters, indent=2) + "\n", encoding="utf-8")


def _snapshots(
    world: WorldParameters, customers: Customers, outcomes: Outcomes
) -> tuple[Ints, Ints]:
    """The (lead, day) of every row: list days on which the lead is open, in order of time."""
    rng = np.random.default_rng([world.seed, 4])
    shape = (len(customers), len(SNAPSHOT_AGES))
    jitter = rng.integers(4, size=shape) * (np.arange(shape[1]) > 0)
    day = _next_list_day(customers.arrival[:, None] + SNAPSHOT_AGES + jitter)
    lead, column = np.nonzero((rng.random(shape) < SNAPSHOT_KEPT) & (day < world.days))
    day = day[lead, column]
    is_open = outcomes.open_on(lead, day)
    lead, day = lead[is_open], day[is_open]
    order = np.lexsort((lead, day))
    return lead[order], day[order]


def _next_list_day(day: Ints) -> Ints:
    first, second = LIST_WEEKDAYS
    weekday = day % 7
    wait = np.where(weekday <= first, first - weekday, second - weekday)
    return day + np.where(weekday > second, 7 + first - weekday, wait)


def _rows(
    world: WorldParameters,
    customers: Customers,
    outcomes: Outcomes,
    calls: Calls,
    lead: Ints,
    day: Ints,
) -> pl.DataFrame:
    rng = np.random.default_rng([world.seed, 5])
    hour = rng.integers(9 * 3600, 18 * 3600, size=(3, len(customers)))
    first, second = outcomes.test_drive[lead], outcomes.second_drive[lead]
    drive = np.where(first < day, second, first)
    columns = {name: values[lead] for name, values in customers.columns.items()}
    frame = pl.DataFrame(
        {
            "lead_id": _lead_ids(lead),
            "snapshot": _times(day, np.full(len(day), LIST_HOUR * 3600), world),
            "store": pl.Series(customers.store[lead] + 1).cast(pl.String),
            "rep": _reps(world, customers)[lead],
            **columns,
            "days_since_enquiry": day - customers.arrival[lead],
            "test_drives": (first < day).astype(np.int64) + (second < day),
            **_call_columns(calls, len(customers), lead, day),
            "test_drive_at": _times(drive, hour[0][lead], world),
            "order_at": _times(outcomes.order[lead], hour[1][lead], world),
            "defeat_at": _times(outcomes.defeat[lead], hour[2][lead], world),
        }
    )
    return frame.with_columns(pl.col("trade_in_years").fill_nan(None))


def _call_columns(calls: Calls, leads: int, lead: Ints, day: Ints) -> dict[str, np.ndarray]:
    """Calls and minutes before each snapshot (inputs), and minutes in its horizon (after it).

    Calls are sorted by lead and day, so what a lead had before a day is a difference of
    cumulative sums at two positions found by binary search.
    """
    span = int(calls.day.max(initial=0)) + HORIZON_DAYS + 2
    key = calls.lead * span + calls.day
    total = np.concatenate([[0.0], calls.minutes.cumsum()])
    start = np.searchsorted(key, lead * span)
    now = np.searchsorted(key, lead * span + day)
    end = np.searchsorted(key, lead * span + np.minimum(day + HORIZON_DAYS, span - 1))
    last = calls.day[np.maximum(now - 1, 0)]
    return {
        "calls_so_far": now - start,
        "minutes_so_far": (total[now] - total[start]).round(1),
        "days_since_call": np.where(now > start, (day - last).astype(float), np.nan),
        "call_minutes": (total[end] - total[now]).round(1),
    }


def _call_events(world: WorldParameters, customers: Customers, calls: Calls) -> pl.DataFrame:
    author = np.where(calls.transcript, "customer", _reps(world, customers)[calls.lead])
    return pl.DataFrame(
        {
            "lead_id": _lead_ids(calls.lead),
            "at": _times(calls.day, calls.second, world),
            "author": pl.Series(author, dtype=pl.String),
            "text": pl.Series(calls.text, dtype=pl.String),
        }
    )


def _reps(world: WorldParameters, customers: Customers) -> np.ndarray:
    code = customers.store * world.reps_per_store + customers.rep
    names = [
        f"{REPS[k % len(REPS)]} {k + 1}" for k in range(world.stores * world.reps_per_store)
    ]
    return np.array(names)[code]


def _lead_ids(lead: Ints) -> pl.Series:
    return pl.Series(lead).cast(pl.String).str.zfill(6).str.replace("^", "L")


def _times(day: Ints, second: Ints | Floats, world: WorldParameters) -> pl.Series:
    """Time stamps; null where the event never happens or lies past the extract."""
    known = day < world.days
    micros = (np.where(known, day, 0) * 86_400 + second) * 1_000_000
    times = pl.Series(micros).cast(pl.Duration("us")) + START
    return times.to_frame("t").select(pl.when(pl.Series(known)).then("t")).to_series()
