"""`leadrank bench`: every ratio beside its target, as a table and as a file."""

import logging
import platform
from argparse import Namespace
from pathlib import Path

import torch

from leadrank.bench.benches import NAMES, OF_LEADS, OF_SIZE
from leadrank.bench.figure import HEAD, Figure, write_figures
from leadrank.bench.leads import Leads, has_data, open_leads
from leadrank.bench.sizes import SMOKE, Sizes
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest


def run_bench(chosen: Namespace) -> int:
    """Measures what was asked for, prints each figure as it comes, and writes them all."""
    for name in ("lightning.pytorch", "transformers", "trl", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    sizes = SMOKE if chosen.smoke else Sizes()
    wanted = _names(chosen.only)
    if chosen.profile:
        from leadrank.bench.profile import profile_step

        print(profile_step(_leads(chosen, sizes), sizes))
        return 0
    gpu = torch.cuda.is_available()
    where = torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads"
    print(f"{platform.machine()}, {where}, torch {torch.__version__}")
    print(HEAD)
    figures: list[Figure] = []
    leads = _leads(chosen, sizes) if set(wanted) & set(OF_LEADS) else None
    for name in wanted:
        if name in OF_SIZE:
            found = OF_SIZE[name](sizes)
        else:
            assert leads is not None
            found = OF_LEADS[name](leads, sizes)
        for figure in found:
            print(figure.line(), flush=True)
        figures += found
    # A GPU's figures are others, and a smoke run's are none.
    suffix = "-smoke" * chosen.smoke + "-gpu" * gpu
    out = chosen.out or Path(f"benchmarks/results{suffix}.json")
    write_figures(out, figures)
    missed = sum(figure.holds is False for figure in figures)
    asked = sum(figure.holds is not None for figure in figures)
    print(f"{asked - missed} of {asked} targets hold. Written to {out}")
    return 0


def _names(only: str | None) -> list[str]:
    names = only.split(",") if only else list(NAMES)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UserError(
            "\n".join(f"--only: no bench {n!r}{nearest(n, list(NAMES))}" for n in unknown)
            + f"\nthe benches are: {', '.join(NAMES)}"
        )
    return names


def _leads(chosen: Namespace, sizes: Sizes) -> Leads:
    name = chosen.data or ("raop" if has_data("raop") else "world")
    if chosen.data is None and name == "world":
        print("LEADRANK_DATA is not set, so leads are the simulated world's (docs/data.md)")
    crm = chosen.experiments / "data" / f"{name}.yaml"
    return open_leads(crm, chosen.root, sizes, smoke=chosen.smoke)
