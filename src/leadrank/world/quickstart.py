"""The small case-control table that a first run trains on, drawn from a large world.

Orders are 1.4 % of the rows; a table small enough for a CPU would hold a few dozen. So all
orders of the three parts are kept and a share of the other rows, each weighted by the inverse
of its share: weighted figures are those of the whole world. The windows leave the 30 days that
the purge takes between the parts almost empty, and their row counts match `test: 0.4` and
`validation: 0.25` in experiments/data/world.yaml.
"""

import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from leadrank.errors import UserError
from leadrank.world.export import code_hash, make_world
from leadrank.world.settings import HORIZON_DAYS, START, WorldSettings

SETTINGS, SEED = WorldSettings(leads=30_000, days=217), 2024
FILES = {"leads.parquet", "calls.parquet", "truth", "world.json"}
FORMER_FILES = FILES | {"truth.parquet"}  # of the world before
KEY = ["customer_account_id", "ppl_dt"]


@dataclass(frozen=True)
class Window:
    """Days [start, end) of the world, how many rows to draw, and whether all orders stay."""

    start: int
    end: int
    rows: int
    all_orders: bool


#: A row's horizon ends on the morning 30 days later: train and validation end with the last day
#: that leaves the next part's first morning alone. 4,500 rows are mature: the last 1,800 are
#: test (0.4), and of the 2,560 that the purge leaves before them the last 640 are validation
#: (0.25).
WINDOWS = (
    Window(0, 65, 1800, True),  # train
    Window(65, 94, 120, False),  # purged: their horizon reaches into validation
    Window(94, 111, 640, True),  # validation
    Window(111, 140, 140, False),  # purged: their horizon reaches into test
    Window(140, 187, 1800, True),  # test
    Window(187, 217, 120, False),  # immature
)


def ensure_world(folder: Path) -> None:
    """Make the quickstart's world in `folder` unless it is there; never leaves half of one.

    One that other code or settings made is replaced. Takes some seconds. Raises UserError
    when the folder holds something else.
    """
    if _is_current(folder):
        return
    if folder.exists() and not _is_a_world(folder):
        raise UserError(
            f"{folder} holds something else than the simulated dealership; "
            "move it away, or give another data root"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".world-") as temporary:
        population, draw = Path(temporary) / "population", Path(temporary) / "draw"
        make_world(SETTINGS, SEED, population)
        quickstart_table(population, draw)
        _publish(draw, folder, old=Path(temporary) / "old")


def _recipe(described: dict[str, Any]) -> dict[str, Any]:
    """What decides a draw's bytes."""
    own = {name: described[name] for name in (*asdict(SETTINGS), "seed")}
    windows = [asdict(window) for window in WINDOWS]
    return {**own, "format": code_hash(), "windows": windows}


def _is_current(folder: Path) -> bool:
    try:
        found = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = _recipe({**asdict(SETTINGS), "seed": SEED})
    return {name: found.get(name) for name in wanted} == wanted


def _is_a_world(folder: Path) -> bool:
    """Whether the folder holds nothing but a world's own files, so that it may be replaced."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= FORMER_FILES


def _publish(draw: Path, folder: Path, *, old: Path) -> None:
    """Rename into place; another process that was faster has made the same bytes."""
    try:
        if folder.exists() and not _is_current(folder):
            folder.rename(old)
        draw.rename(folder)
    except OSError:
        if not _is_current(folder):
            raise


def quickstart_table(world: Path, out: Path) -> None:
    """Draw WINDOWS from the world in folder `world` and write the same tables into `out`.

    Adds the column `weight`, rows of the world per row of the draw, and to world.json how they
    were drawn. A world smaller than the quickstart's gives what rows it has.
    """
    described = json.loads((world / "world.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(world / "leads.parquet").unique(maintain_order=True)
    drawn = pl.concat(
        [_draw(rows, window, described["seed"] + k) for k, window in enumerate(WINDOWS)]
    ).sort("ppl_dt", "customer_account_id")
    (out / "truth").mkdir(parents=True, exist_ok=True)
    drawn.write_parquet(out / "leads.parquet")
    for name in ("calls", "truth/facts"):
        _of(world, name, drawn, KEY[:1]).write_parquet(out / f"{name}.parquet")
    _of(world, "truth/probability", drawn, KEY).write_parquet(out / "truth/probability.parquet")
    recipe = json.dumps({**described, **_recipe(described)}, indent=2)
    (out / "world.json").write_text(recipe + "\n", encoding="utf-8")


def _of(world: Path, name: str, drawn: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The rows of a table of the world that belong to those drawn."""
    table = pl.read_parquet(world / f"{name}.parquet")
    return table.join(drawn, on=keys, how="semi", maintain_order="left")


def _draw(rows: pl.DataFrame, window: Window, seed: int) -> pl.DataFrame:
    """All orders of a window and other rows up to its size, or a plain sample of both."""
    first, end = (START + timedelta(days=day) for day in (window.start, window.end))
    inside = rows.filter(pl.col("ppl_dt").is_between(first, end, closed="left"))
    horizon = pl.col("ppl_dt") + pl.duration(days=HORIZON_DAYS)
    ordered = (pl.col("order_at") <= horizon).fill_null(value=False)
    always = inside.filter(ordered & window.all_orders)
    others = inside.filter(~(ordered & window.all_orders))
    size = min(max(window.rows - always.height, 0), others.height)
    weight = others.height / size if size else 1.0
    return pl.concat(
        [
            always.with_columns(weight=pl.lit(1.0)),
            others.sample(size, seed=seed).with_columns(weight=pl.lit(weight)),
        ]
    )
