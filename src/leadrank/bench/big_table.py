"""A generated CRM of the paper's size: one row per lead and day, fields, a note, and outcomes.

Only its size and its kinds of columns are like the paper's; nothing can be learned from it.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 500_000
START, DAYS, PER_LEAD = datetime(2024, 1, 1), 300, 8
CHANNELS = ("website", "referral", "walk-in", "fair", "phone", "old customer")
MODELS = ("S5", "S7", "X3", "X5", "L9")
OPENINGS = (
    *("Asked for a quote on the", "Compared prices of the", "Liked the look of the"),
    *("Wants to trade in for the", "Has driven the", "Is in no hurry about the"),
)
TOPICS = (
    *("range in winter", "monthly rate", "colour of the seats", "delivery time"),
    *("charging at home", "boot for two prams", "insurance", "resale value"),
)
ENDINGS = (
    *("call back on Friday", "the spouse decides", "will visit the store on Saturday"),
    *("no answer the second time", "asked for the manager", "send the brochure"),
)
CRM_FILE = """\
name: big
about: generated leads of a car dealer, for measuring time
source:
  tables: {leads: leads.parquet}
timezone: UTC
lead_id: lead
snapshot: {column: day, kind: time}
horizon_days: 30
extract: "2024-12-31"
stages:
  - {name: lead, always: true}
  - {name: call, reached_at: called_at}
  - {name: test drive, reached_at: drive_at}
  - {name: order, reached_at: ordered_at}
lost: {reached_at: lost_at}
group: {columns: [store], day: true}
fields:
  numeric:
    - {column: calls, name: calls answered, unit: calls}
    - {column: minutes, name: longest call, unit: minutes}
    - {column: visits, name: visits to the website, unit: visits}
    - {column: age, name: time since the enquiry, unit: days}
  categorical:
    - {column: channel, name: where the lead came from}
    - {column: model, name: car asked for}
text:
  columns:
    - {column: note, name: last call, at: note_at}
forbidden: [called_at, drive_at, ordered_at, lost_at]
split: {kind: time, test: 0.3, validation: 0.15, lead_disjoint: true}
"""


def make_big_table(folder: Path, rows: int) -> Path:
    """Writes `leads.parquet` of so many rows and its CRM file into the folder; the latter."""
    random = np.random.default_rng(0)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, BLOCK):
        block = _block(start, min(BLOCK, rows - start), random).to_arrow()
        block = block.cast(pa.schema([f.with_nullable(True) for f in block.schema]))
        writer = writer or pq.ParquetWriter(folder / "leads.parquet", block.schema)
        writer.write_table(block)
    assert writer is not None
    writer.close()
    crm = folder / "big.yaml"
    crm.write_text(CRM_FILE, "utf-8")
    return crm


def _block(start: int, rows: int, random: np.random.Generator) -> pl.DataFrame:
    number = np.arange(start, start + rows)
    # A lead's days are 13 apart and begin anywhere in the first 200.
    first = (number // PER_LEAD * 7919) % 200
    day = first + number % PER_LEAD * 13
    hours = {"note_at": -random.integers(1, 200, rows)}
    hours["called_at"] = random.integers(1, 300, rows)
    hours["drive_at"] = random.integers(24, 720, rows)
    hours["ordered_at"] = random.integers(48, 720, rows)
    hours["lost_at"] = random.integers(24, 720, rows)
    reached = {"note_at": 0.9, "called_at": 0.4, "drive_at": 0.1, "ordered_at": 0.014}
    reached["lost_at"] = 0.2
    frame = pl.DataFrame(
        {
            "lead": number // PER_LEAD,
            "store": random.integers(0, 400, rows),
            "days": day,
            "calls": random.poisson(2.0, rows).astype(np.float64),
            "minutes": random.exponential(6.0, rows),
            "visits": random.poisson(5.0, rows).astype(np.float64),
            "age": (number % PER_LEAD * 13).astype(np.float64),
            **{f"{name} hours": hour for name, hour in hours.items()},
            **{f"{name} there": random.random(rows) < p for name, p in reached.items()},
            **{
                name: _words(words, rows, random)
                for name, words in (
                    ("channel", CHANNELS), ("model", MODELS), ("opening", OPENINGS),
                    ("topic", TOPICS), ("other", TOPICS), ("ending", ENDINGS),
                )
            },
        }
    )  # fmt: skip
    at = pl.lit(START) + pl.duration(days="days")
    note = pl.format(
        "{} {}, spoke {} min about {} and the {}; {}.",
        "opening", "model", pl.col("minutes").round(1), "topic", "other", "ending",
    )  # fmt: skip
    times = [
        pl.when(f"{name} there").then(at + pl.duration(hours=f"{name} hours")).alias(name)
        for name in hours
    ]
    keys = {
        "lead": pl.format("L{}", "lead"),
        "store": pl.format("S{}", "store"),
        "day": at,
        "note": note,
    }
    kept = ("calls", "minutes", "visits", "age", "channel", "model")
    return frame.select(*times, *kept, **keys)


def _words(words: tuple[str, ...], rows: int, random: np.random.Generator) -> pl.Series:
    return pl.Series(words).gather(random.integers(0, len(words), rows))
