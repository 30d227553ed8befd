"""`leadrank world`: a simulated dealership of any size, written to a folder."""

import argparse
from pathlib import Path

from leadrank.errors import UserError
from leadrank.world.settings import HORIZON_DAYS, WorldSettings


def run_world(chosen: argparse.Namespace) -> int:
    """Makes the world; raises UserError for sizes or folders that will not do."""
    from leadrank.world.export import make_world

    out: Path = chosen.out
    wrong = []
    if chosen.leads < 1:
        wrong.append(f"--leads {chosen.leads}: expected at least 1")
    if chosen.days <= HORIZON_DAYS:
        wrong.append(
            f"--days {chosen.days}: expected at least {HORIZON_DAYS + 1}, or no row matures"
        )
    if chosen.seed < 0:
        wrong.append(f"--seed {chosen.seed}: expected 0 or more")
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        wrong.append(f"--out {out}: not empty; give another folder, or move it away")
    if wrong:
        raise UserError("\n  ".join(["leadrank world cannot start:", *wrong]))
    make_world(WorldSettings(leads=chosen.leads, days=chosen.days), chosen.seed, out)
    print(f"{out}: a CRM's tables, crm.yaml that reads them, and the truth in {out / 'truth'}")
    print(f"Look at it:  leadrank check {out / 'crm.yaml'} --root {out}")
    return 0
