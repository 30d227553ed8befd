"""What a model on a simulated world is held against: a perfect reader, and the hidden truth.

The perfect reader (`oracles`) is kept in reader.json, fitted on a million rows of a world of
the same laws by `leadrank world --measure`; a test fails when the laws have changed since.
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import lightgbm as lgb
import polars as pl

from leadrank.world.export import make_world
from leadrank.world.oracles import LEAD, reader_features
from leadrank.world.settings import WorldSettings
from leadrank.world.trees import Scores, Trees

KEPT = Path(__file__).parent / "reader.json"
NAMES = ("oracle_reader", "oracle_world")


def yardsticks(folder: Path) -> pl.DataFrame:
    """Scores of every row of a world, or of a draw from one, by those who know more.

    Returns:
        `customer_account_id`, `ppl_dt`, `oracle_reader` (log-odds) and `oracle_world` (the true
        probability of an order within the horizon).
    """
    rows = pl.read_parquet(folder / "leads.parquet").unique([LEAD, "ppl_dt"])
    reader = load_reader()(reader_features(rows, folder))
    return rows.select(
        LEAD, "ppl_dt", oracle_reader=pl.Series(reader),
        oracle_world=pl.Series(true_probability(rows, folder)),
    )  # fmt: skip


def true_probability(rows: pl.DataFrame, folder: Path) -> Scores:
    """The true probability [n] of an order within the horizon of each row of a world."""
    truth = pl.read_parquet(folder / "truth" / "probability.parquet")
    keys = [LEAD, "ppl_dt"]
    joined = rows.select(keys).join(truth, on=keys, how="left", maintain_order="left")
    return joined["probability"].cast(pl.Float64).to_numpy()


def load_reader(path: Path = KEPT) -> Trees:
    """The perfect reader as it was fitted."""
    kept = json.loads(path.read_text("utf-8"))
    known = {name: pl.Enum(values) for name, values in kept["categories"].items()}
    return Trees(lgb.Booster(model_str=kept["booster"]), known)


def write_reader(trees: Trees, path: Path, **said: Any) -> None:
    """Keep a perfect reader, with what is said of how it was fitted."""
    known = {name: order.categories.to_list() for name, order in trees.categories.items()}
    booster = trees.booster.model_to_string(importance_type="gain")
    kept = {**said, "world": world_print(), "categories": known, "booster": booster}
    path.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def world_print() -> str:
    """A hash of what a small world's laws do: its counts, orders and stated facts."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        make_world(WorldSettings(leads=300, days=60, warm_up=20), 1, made, progress=False)
        rows = pl.read_parquet(made / "leads.parquet")
        facts = pl.read_parquet(made / "truth" / "facts.parquet")
    whole = pl.selectors.integer() | pl.selectors.string()
    text = rows.select(whole).write_csv() + facts.select(whole).write_csv()
    return hashlib.sha256(text.encode()).hexdigest()[:16]
