"""The small case-control table that a first run trains on, drawn from a large world.

Orders are 1.4 % of the rows; a table small enough for a CPU would hold a few dozen. So all
orders of the three parts are kept and a share of the other rows, each weighted by the inverse
of its share: weighted figures are those of the whole world. The windows leave the 30 days that
the purge takes between the parts almost empty, and their row counts match `test: 0.4` and
`validation: 0.25` in experiments/data/world.yaml.
"""

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from leadrank.errors import UserError
from leadrank.world.parameters import HORIZON_DAYS
from leadrank.world.simulate import make_world

LEADS, DAYS, SEED = 70_000, 217, 2024
FILES = ("leads.parquet", "calls.parquet", "truth.parquet", "world.json")


@dataclass(frozen=True)
class Window:
    """Days [start, end) of the world, how many rows to draw, and whether all orders stay."""

    start: int
    end: int
    rows: int
    all_orders: bool


#: Validation and test start on a list day, a horizon after the window that is purged for them.
#: 4,500 rows are mature: the last 1,800 are test (0.4), and of the 2,560 that the purge leaves
#: before them the last 640 are validation (0.25).
WINDOWS = (
    Window(0, 64, 1800, True),  # train
    Window(64, 94, 120, False),  # purged: their horizon reaches into validation
    Window(94, 110, 640, True),  # validation
    Window(110, 140, 140, False),  # purged: their horizon reaches into test
    Window(140, 187, 1800, True),  # test
    Window(187, 217, 120, False),  # immature
)


def ensure_world(folder: Path) -> None:
    """Make the quickstart's world in `folder` unless it is there; never leaves half of one.

    One that other code or parameters made is replaced. Takes some seconds. Raises UserError
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
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".world-") as temporary,
        tqdm(total=2, desc="making the simulated dealership", unit="step") as bar,
    ):
        population, draw = Path(temporary) / "population", Path(temporary) / "draw"
        make_world(LEADS, DAYS, SEED, population)
        bar.update()
        quickstart_table(population, draw)
        _publish(draw, folder, old=Path(temporary) / "old")
        bar.update()


def _recipe(parameters: dict[str, Any]) -> dict[str, Any]:
    """What decides a draw's bytes; `format` is a hash of this package's code."""
    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    sizes = {name: parameters[name] for name in ("leads", "days", "seed")}
    windows = [asdict(window) for window in WINDOWS]
    return {"format": code.hexdigest()[:12], **sizes, "windows": windows}


def _is_current(folder: Path) -> bool:
    if not (folder / "world.json").is_file():
        return False
    try:
        found = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
    wanted = _recipe({"leads": LEADS, "days": DAYS, "seed": SEED})
    return {name: found.get(name) for name in wanted} == wanted


def _is_a_world(folder: Path) -> bool:
    """Whether the folder holds nothing but a world's own files, so that it may be replaced."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= set(FILES)


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
    """Draw WINDOWS from the world in folder `world` and write the same files into `out`.

    Adds the column `weight`, rows of the world per row of the draw, and to world.json how they
    were drawn. A world smaller than the quickstart's gives what rows it has.
    """
    parameters = json.loads((world / "world.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(world / "leads.parquet")
    start = datetime.fromisoformat(parameters["start"])
    drawn = pl.concat(
        [
            _draw(rows, window, start, parameters["seed"] + index)
            for index, window in enumerate(WINDOWS)
        ]
    ).sort("snapshot", "lead_id")
    out.mkdir(parents=True, exist_ok=True)
    drawn.write_parquet(out / "leads.parquet")
    calls = pl.read_parquet(world / "calls.parquet")
    calls.join(drawn, on="lead_id", how="semi", maintain_order="left").write_parquet(
        out / "calls.parquet"
    )
    truth = pl.read_parquet(world / "truth.parquet")
    truth.join(
        drawn, on=["lead_id", "snapshot"], how="semi", maintain_order="left"
    ).write_parquet(out / "truth.parquet")
    recipe = json.dumps({**parameters, **_recipe(parameters)}, indent=2)
    (out / "world.json").write_text(recipe + "\n", encoding="utf-8")


def _draw(rows: pl.DataFrame, window: Window, start: datetime, seed: int) -> pl.DataFrame:
    """All orders of a window and other rows up to its size, or a plain sample of both."""
    inside = rows.filter(
        pl.col("snapshot").is_between(
            start + timedelta(days=window.start),
            start + timedelta(days=window.end),
            closed="left",
        )
    )
    horizon = pl.col("snapshot") + pl.duration(days=HORIZON_DAYS)
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
