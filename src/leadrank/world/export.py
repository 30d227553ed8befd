"""A dealership's world as a folder: what a CRM would export, and the truth beside it.

    leads.parquet   one row per lead and morning, and what became of it
    calls.parquet   what was written down of each conversation, orders and defeats
    crm.yaml        the CRM file that reads both
    world.json      the settings
    truth/          what no CRM holds; named by no CRM file

Traps of real exports are in it on purpose; truth/traps.json says where: fields filled in after
the outcome, notes written after the order, rows twice, customers under two tickets.
"""

import hashlib
import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from leadrank.world.call_rates import counted_rates
from leadrank.world.columns import crm_rows, customer_ids, times
from leadrank.world.crm import LATER_FIELDS, crm_text
from leadrank.world.dealership import Dealership
from leadrank.world.draws import Purpose, generator, hashed, own_key
from leadrank.world.facts import TOPICS, When, month_middle
from leadrank.world.log import Columns
from leadrank.world.morning import Morning
from leadrank.world.policies import habit
from leadrank.world.settings import HORIZON_DAYS, SNAPSHOT_HOUR, START, WorldSettings
from leadrank.world.state import NEVER
from leadrank.world.text import call_events, note_only, written_levels
from leadrank.world.timeline import Timeline
from leadrank.world.truth import order_probability

ROWS_TWICE, TWO_TICKETS = 0.005, 0.01
AFTER_ORDER = (
    "deposit is in, contract signed", "order placed, delivery slot booked",
    "signed today!! papers to registration", "sold. hand over key 2 at delivery",
)  # fmt: skip
AFTER_DEFEAT = ("closed, no interest", "defeat, see calls", "file closed for now")
CLOSING = ("contract", "price", "bought elsewhere", "no contact")


def make_world(settings: WorldSettings, seed: int, out: Path, *, progress: bool = True) -> None:
    """Run a dealership under `policies.habit` and write its world to `out`.

    The same settings and seed give the same bytes. Raises ValueError for a world so short that
    no row is followed for the horizon.
    """
    if settings.days <= HORIZON_DAYS:
        raise ValueError(f"a world needs at least {HORIZON_DAYS + 1} days, got {settings.days}")
    world = Dealership(settings, seed, progress=progress)
    write_world(world.run(settings.days, habit, progress=progress), out, progress=progress)


def write_world(world: Dealership, out: Path, *, progress: bool = False) -> None:
    """Write the world as it stands on the morning of the extract."""
    (out / "truth").mkdir(parents=True, exist_ok=True)
    with tqdm(total=4, desc="writing", unit="table", disable=not progress) as bar:
        twice = _write_rows(world, out)
        bar.update()
        written_events(world).write_parquet(out / "calls.parquet")
        bar.update()
        _truth(world).write_parquet(out / "truth" / "probability.parquet")
        bar.update()
        _stated(world).write_parquet(out / "truth" / "facts.parquet")
        bar.update()
    _write_json(out / "truth" / "traps.json", _traps(twice, world))
    extract = START + timedelta(days=world.day)
    (out / "crm.yaml").write_text(crm_text(extract=extract), "utf-8")
    described = {**asdict(world.settings), "seed": world.seed, "format": code_hash()}
    described["start"] = START.isoformat()
    _write_json(out / "world.json", {**described, "extract": extract.isoformat()})


def code_hash() -> str:
    """A hash of this package's code: what made a world, beside its settings and seed."""
    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    return code.hexdigest()[:12]


def _write_rows(world: Dealership, out: Path) -> pl.DataFrame:
    """Write leads.parquet; returns the rows that stand there twice."""
    rows = world.log.read("rows")
    lead, day = rows["lead"], rows["day"].astype(np.int64)
    frame = crm_rows(world, lead, day)
    frame = frame.hstack(_outcomes(world, lead, day)).hstack(_later_fields(world, lead))
    frame = frame.hstack([_tickets(world, lead, day)])
    again = frame.filter(
        pl.Series(generator(world.seed, Purpose.EXPORT).random(len(lead)) < ROWS_TWICE)
    )
    pl.concat([frame, again]).sort(
        "ppl_dt", "customer_account_id", maintain_order=True
    ).write_parquet(out / "leads.parquet")
    return again


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _outcomes(world: Dealership, lead: NDArray, day: NDArray) -> pl.DataFrame:
    """What came after each morning and before the extract; null where it did not."""
    order = world.state.order_day[lead].astype(np.int64)
    calls = world.log.read("calls")
    talked = Timeline(calls, calls["connected"].astype(bool)).sums(
        "minutes", lead, day, day + HORIZON_DAYS
    )
    label = (order - day < HORIZON_DAYS).astype(np.int64)
    return pl.DataFrame(
        {
            "test_drive_at": _first_after(world, "drives", lead, day),
            "order_at": _time_of(world, lead, order, 1),
            "defeat_at": _first_after(world, "defeats", lead, day),
            "call_minutes": np.round(talked, 1),
            "min_lock_time": _time_of(world, lead, order, 1),
            "lock_label": label,
        }
    )


def _time_of(world: Dealership, lead: NDArray, day: NDArray, k: int) -> pl.Series:
    """An hour of business of that day; null where the day has not come."""
    known = day < world.day
    second = 9 * 3600 + (hashed(own_key(world.seed, lead), 300 + k) * 9 * 3600).astype(np.int64)
    at = times(np.where(known, day, 0), second)
    return pl.select(pl.when(pl.Series(known)).then(at)).to_series()


def _first_after(world: Dealership, table: str, lead: NDArray, day: NDArray) -> pl.Series:
    log = world.log.read(table)
    events = Timeline(log)
    low, high = events.bounds(lead, day, np.full(len(day), NEVER // 512))
    there = high > low
    days = events.sorted("day") if len(log["lead"]) else np.zeros(1, np.int64)
    at = np.where(there, days[np.minimum(low, len(days) - 1)], NEVER)
    return _time_of(world, lead, at.astype(np.int64), 2)


def _later_fields(world: Dealership, lead: NDArray) -> pl.DataFrame:
    """Fields as the extract shows them, whatever the row's morning: they tell the outcome."""
    own = own_key(world.seed, lead)
    ordered = world.state.order_day[lead] < NEVER
    lost = world.state.defeat_day[lead] < NEVER
    slot = np.where(ordered, 1 + (hashed(own, 310) * 40).astype(np.int64), 0)
    why = np.where(ordered, 0, 1 + (hashed(own, 311) * 3).astype(np.int64))
    closing = np.where(ordered | lost, np.array(CLOSING)[why], "")
    return pl.DataFrame(
        {"delivery_slot": slot, "closing_reason": closing}, strict=False
    ).with_columns(
        pl.when(pl.col("delivery_slot") > 0).then("delivery_slot"),
        pl.when(pl.col("closing_reason") != "").then("closing_reason"),
    )


def _two_tickets(world: Dealership, lead: NDArray) -> NDArray[np.bool_]:
    return hashed(own_key(world.seed, lead), 320) < TWO_TICKETS


def _tickets(world: Dealership, lead: NDArray, day: NDArray) -> pl.Series:
    """A ticket per lead; some customers were entered a second time some days later."""
    second = _two_tickets(world, lead)
    since = day - world.people.arrival[lead]
    letter = np.where(second & (since > 5), "U", "T")
    return pl.Series("ticket_id", letter) + customer_ids(lead).str.slice(1)


def written_events(world: Dealership, lead: NDArray | None = None) -> pl.DataFrame:
    """All that was written down so far, of some leads or of all: calls, orders, defeats."""
    events = pl.concat([call_events(world, lead), _closing_notes(world, lead)])
    return events.sort("at", "customer_account_id", "author")


def _closing_notes(world: Dealership, lead: NDArray | None) -> pl.DataFrame:
    """What reps note once it is over: an order, and half of the defeats."""
    orders, defeats = (_of(world.log.read(name), lead) for name in ("orders", "defeats"))
    noted = hashed(own_key(world.seed, defeats["lead"]), 330) < 0.5
    defeats = {name: values[noted] for name, values in defeats.items()}
    return pl.concat(
        [_notes(world, orders, AFTER_ORDER, 1), _notes(world, defeats, AFTER_DEFEAT, 2)]
    )


def _of(log: Columns, lead: NDArray | None) -> Columns:
    chosen = slice(None) if lead is None else np.isin(log["lead"], lead)
    return {name: values[chosen] for name, values in log.items()}


def _notes(world: Dealership, log: Columns, texts: tuple[str, ...], k: int) -> pl.DataFrame:
    own = own_key(world.seed, log["lead"])
    second = 18 * 3600 + (hashed(own, 331) * 3000).astype(np.int64)
    chosen = (hashed(own, 340 + k) * len(texts)).astype(np.int64)
    return pl.DataFrame(
        {
            "customer_account_id": customer_ids(log["lead"]),
            "at": times(log["day"], second),
            "author": pl.Series(["note"] * len(own), dtype=pl.String),
            "text": pl.Series(np.array(texts, dtype=object)[chosen], dtype=pl.String),
        }
    )


def _truth(world: Dealership) -> pl.DataFrame:
    """The true probability of each row, and the hidden traits behind it."""
    rows = world.log.read("rows")
    people, lead = world.people, rows["lead"]
    morning, rates = Morning.of(world, rows), counted_rates(world, rows)
    probability = order_probability(world.settings, morning, rates)
    eight = np.full(len(lead), SNAPSHOT_HOUR * 3600)
    return pl.DataFrame(
        {"customer_account_id": customer_ids(lead), "ppl_dt": times(rows["day"], eight)}
    ).with_columns(
        probability=pl.Series(probability),
        need=pl.Series(people.need[lead]),
        budget=pl.Series(people.budget[lead]),
        trust=pl.Series(people.trust[lead]),
        rival=pl.Series(rows["rival"]),
        household=pl.Series(rows["household"]),
        calling=pl.Series(people.calling[lead]),
        days_to_date=pl.Series(people.due[lead] - rows["day"]),
        momentum=pl.Series(rows["momentum"]),
        gone=pl.Series(rows["gone"]),
    )


def _stated(world: Dealership) -> pl.DataFrame:
    """What each text states: levels by topic (null: silent), and the day that is named."""
    calls = world.log.read("calls")
    calls = {name: values[calls["connected"].astype(bool)] for name, values in calls.items()}
    level = written_levels(calls)
    second = 9 * 3600 + (hashed(calls["key"], 71) * 9 * 3600).astype(np.int64)
    columns = {name: level[:, at] for at, name in enumerate(TOPICS)}
    # A rep's note names the month at best.
    noted = note_only(calls["key"])
    middle = month_middle(np.nan_to_num(calls["due"], nan=0.0).astype(np.int64))
    due = np.where(noted & ~np.isnan(calls["due"]), middle, calls["due"])
    return pl.DataFrame(
        {
            "customer_account_id": customer_ids(calls["lead"]),
            "at": times(calls["day"], second),
            **columns,
            "due": due,
            "no_date": (calls["when"] == When.NO_DATE) & ~noted,
        }
    ).with_columns(
        [pl.when(pl.col(name) >= 0).then(name).alias(name) for name in TOPICS]
        + [pl.col("due").fill_nan(None)]
    )


def _traps(twice: pl.DataFrame, world: Dealership) -> dict:
    lead = np.arange(world.settings.leads)
    second = customer_ids(lead[_two_tickets(world, lead)]).to_list()
    key = twice.select("customer_account_id", pl.col("ppl_dt").dt.to_string("iso")).rows()
    return {
        "later_fields": list(LATER_FIELDS),
        "rows_twice": [list(row) for row in key],
        "customers_with_two_tickets": second,
        "notes_after_order": list(AFTER_ORDER),
    }
