"""Made-up leads on which every rival can learn something, and the study of them."""

import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from leadrank import LeadDataModule
from leadrank.compare.study import Study, open_study
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.text import PromptTemplate
from leadrank.training.sampler import SamplerSettings

CRM: dict[str, Any] = {
    "name": "rivals",
    "about": "leads of a small dealer, invented",
    "source": {"tables": {"leads": "leads.parquet"}},
    "timezone": "UTC",
    "lead_id": "lead",
    "snapshot": {"column": "at", "kind": "time"},
    "horizon_days": 30,
    "extract": "final",
    "stages": [
        {"name": "lead", "always": True},
        {"name": "visit", "reached_at": "visited_at"},
        {"name": "test drive", "reached_at": "drove_at"},
        {"name": "order", "reached_at": "ordered_at"},
    ],
    "group": {"columns": ["store"], "day": False},
    "weight": "weight",
    "fields": {
        "numeric": [
            {"column": "visits", "name": "visits"},
            {"column": "noise", "name": "noise"},
        ],
        "categorical": [{"column": "channel", "name": "channel"}],
    },
    "text": {"columns": [{"column": "message", "name": "message", "at": "written_at"}]},
    "forbidden": ["visited_at", "drove_at", "ordered_at"],
    "split": {"kind": "time", "test": 0.3, "validation": 0.2},
}
LEADS = 800
START = datetime(2024, 1, 1, 9)
KEEN = ("Please send the contract.", "I want to order this week.", "When can I pick it up?")
COOL = ("Just looking around.", "Only comparing prices.", "Not before next year.")


def leads(seed: int = 0) -> pl.DataFrame:
    """A third is keen: more visits, keen words, a visit before the snapshot, a recent note."""
    chance = np.random.default_rng(seed)
    keen = chance.random(LEADS) < 1 / 3
    ordered = chance.random(LEADS) < np.where(keen, 0.7, 0.1)
    drove = ordered | (chance.random(LEADS) < 0.2)
    visited = drove | (chance.random(LEADS) < 0.3)
    early = chance.random(LEADS) < np.where(keen, 0.6, 0.1)
    at = [START + timedelta(days=row) for row in range(LEADS)]

    def after(happens: np.ndarray, low: float, high: float) -> list[datetime | None]:
        days = chance.uniform(low, high, LEADS)
        steps = zip(at, happens, days, strict=True)
        return [time + timedelta(days=day) if yes else None for time, yes, day in steps]

    before = after(early, -5, -1)
    later = after(visited, 1, 5)
    pairs = zip(before, later, strict=True)
    known = chance.random(LEADS) > 0.1
    counted = np.where(known, chance.poisson(np.where(keen, 6, 2)), np.nan)
    words = np.where(keen, chance.choice(KEEN, LEADS), chance.choice(COOL, LEADS))
    waited = zip(at, chance.exponential(np.where(keen, 2.0, 10.0)), strict=True)
    return pl.DataFrame(
        {
            "lead": [f"lead {row:03}" for row in range(LEADS)],
            "at": at,
            "visits": pl.Series(counted, nan_to_null=True),
            "noise": chance.normal(size=LEADS),
            "channel": chance.choice(["fair", "website", "friend"], LEADS),
            "store": chance.choice(["north", "south"], LEADS),
            "message": words,
            "written_at": [time - timedelta(days=days) for time, days in waited],
            "visited_at": [first or second for first, second in pairs],
            "drove_at": after(drove, 6, 12),
            "ordered_at": after(ordered, 13, 25),
            "weight": chance.choice([1.0, 2.0], LEADS),
        }
    )


def write(folder: Path, rows: pl.DataFrame, **keys: Any) -> Path:
    """The table and its CRM file, some of its keys changed (None drops one)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(folder / "leads.parquet")
    crm = {key: value for key, value in {**copy.deepcopy(CRM), **keys}.items() if value}
    (folder / "rivals.yaml").write_text(yaml.safe_dump(crm, sort_keys=False))
    return folder / "rivals.yaml"


def study_of(folder: Path, rows: pl.DataFrame, base: str, **keys: Any) -> tuple[Study, Any]:
    """The study of these rows with the first layer of a base, and the hidden test rows."""
    data = LeadDataModule(
        str(write(folder, rows, **keys)),
        str(folder),
        base=base,
        prompt=PromptTemplate(max_tokens=64),
        sampler=SamplerSettings(batch_size=16, negatives_per_order=1.0),
    )
    encoder = EncoderSettings(base=base, layers=1, adapt="none", quantisation="none")
    return open_study(data, encoder)
