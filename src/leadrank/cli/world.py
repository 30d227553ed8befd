"""`leadrank world`: a simulated dealership of any size, and what such worlds are like."""

import argparse
from pathlib import Path

from leadrank.errors import UserError
from leadrank.world.settings import HORIZON_DAYS, WorldSettings

#: Smaller worlds have too few orders to learn from.
FEWEST, SHORTEST = 2000, 60
#: Further ones would share their calls' chance (`draws.call_key`).
MOST_LEADS, LARGEST_SEED = 1 << 20, 1 << 15


def run_world(chosen: argparse.Namespace) -> int:
    """Makes a world, or measures some; raises UserError for sizes or folders that won't do."""
    _check(chosen)
    settings = WorldSettings(leads=chosen.leads, days=chosen.days)
    if chosen.policies:
        return _policies(settings, chosen)
    if chosen.texts:
        return _texts(settings, chosen)
    if chosen.measure:
        return _measure(settings, chosen)
    from leadrank.world.export import make_world

    out: Path = chosen.out
    make_world(settings, chosen.seed, out)
    print(f"{out}: a CRM's tables, crm.yaml that reads them, and truth/")
    print(f"Look at it:  leadrank check {out / 'crm.yaml'} --root {out}")
    return 0


def _check(chosen: argparse.Namespace) -> None:
    wrong = []
    out: Path | None = chosen.out
    if chosen.leads < 1:
        wrong.append(f"--leads {chosen.leads}: expected at least 1")
    if chosen.days <= HORIZON_DAYS:
        wrong.append(
            f"--days {chosen.days}: expected at least {HORIZON_DAYS + 1}, or no row matures"
        )
    if not 0 <= chosen.seed < LARGEST_SEED:
        wrong.append(f"--seed {chosen.seed}: expected 0 to {LARGEST_SEED - 1:,}")
    if chosen.leads > MOST_LEADS:
        wrong.append(f"--leads {chosen.leads}: expected at most {MOST_LEADS:,}")
    if chosen.measure and (chosen.leads < FEWEST or chosen.days < SHORTEST):
        wrong.append(f"--measure: needs --leads {FEWEST} and --days {SHORTEST} for some orders")
    doors = [name for name in ("measure", "policies", "texts") if getattr(chosen, name)]
    if len(doors) > 1:
        wrong.append(f"--{' and --'.join(doors)}: one at a time")
    if out is None and not (chosen.policies or chosen.texts):
        wrong.append("--out: expected a folder")
    if chosen.texts < 0 or chosen.seeds < 1:
        wrong.append("--texts, --seeds: expected numbers of at least 1")
    taken = out is not None and out.exists() and any(out.iterdir() if out.is_dir() else [out])
    if taken and not chosen.measure:
        wrong.append(f"--out {out}: not empty; give another folder, or move it away")
    if wrong:
        raise UserError("\n  ".join(["leadrank world cannot start:", *wrong]))


def _measure(settings: WorldSettings, chosen: argparse.Namespace) -> int:
    from leadrank.world.measure import measure_world, table

    print(table(measure_world(settings, chosen.seed, chosen.out)))
    print(f"{chosen.out}: the worlds, and reader.json, the perfect reader as it was fitted")
    return 0


def _policies(settings: WorldSettings, chosen: argparse.Namespace) -> int:
    from leadrank.world.orders_of_calls import sales_by_policy, table

    print(table(sales_by_policy(settings, range(chosen.seed, chosen.seed + chosen.seeds))))
    return 0


def _texts(settings: WorldSettings, chosen: argparse.Namespace) -> int:
    from leadrank.world.dealership import Dealership
    from leadrank.world.policies import habit
    from leadrank.world.text import call_events
    from leadrank.world.transcripts import sampled_page

    world = Dealership(settings, chosen.seed, progress=True)
    calls = call_events(world.run(settings.days, habit, progress=True))
    words = {"texts": chosen.texts, "leads": chosen.leads, "days": chosen.days}
    command = " ".join(f"--{name} {value}" for name, value in words.items())
    command = f"leadrank world {command} --seed {chosen.seed}"
    print(sampled_page(calls, chosen.texts, seed=chosen.seed, command=command))
    return 0
