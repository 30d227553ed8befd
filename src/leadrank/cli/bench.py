"""`leadrank bench`: every ratio beside its target, as a table and as a file."""

import contextlib
import io
import logging
import platform
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import torch

from leadrank.bench.benches import NAMES, OF_LEADS, OF_SIZE, OF_WORLD
from leadrank.bench.figure import HEAD, Figure, write_figures
from leadrank.bench.leads import Leads, has_data, open_leads
from leadrank.bench.sizes import ON_GPU, SMOKE, Sizes
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.training.run_folder import git_commit


def run_bench(chosen: Namespace) -> int:
    """Measures what was asked for, prints each figure as it comes, and writes it."""
    for name in ("lightning.pytorch", "transformers", "trl", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    gpu = torch.cuda.is_available()
    sizes = SMOKE if chosen.smoke else ON_GPU if gpu else Sizes()
    wanted = _names(chosen.only)
    if chosen.profile:
        from leadrank.bench.profile import profile_step

        print(profile_step(_leads(chosen, sizes), sizes))
        return 0
    where = torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads"
    machine = f"{platform.machine()}, {where}, torch {torch.__version__}"
    commit = git_commit()  # the file that is written may be one of its files
    print(machine)
    if chosen.data is None and not has_data("raop"):
        print("LEADRANK_DATA is not set, so leads are the simulated world's (docs/data.md)")
    print(HEAD)
    # A GPU's figures are others, and a smoke run's are none.
    suffix = "-smoke" * chosen.smoke + "-gpu" * gpu
    out = chosen.out or Path(f"benchmarks/results{suffix}.json")
    figures: list[Figure] = []
    for place, name in enumerate(wanted, 1):
        print(f"{place} of {len(wanted)}: {name}", file=sys.stderr, flush=True)
        # Bars of what is timed would tear the table apart.
        with contextlib.redirect_stderr(io.StringIO()):
            found = _measure(name, chosen, sizes)
        for figure in found:
            print(figure.line(), flush=True)
        figures += found
        write_figures(out, found, machine=machine, commit=commit)
    missed = sum(figure.holds is False for figure in figures)
    asked = sum(figure.holds is not None for figure in figures)
    print(f"{asked - missed} of {asked} targets hold. Written to {out}")
    return 0


def _measure(name: str, chosen: Namespace, sizes: Sizes) -> list[Figure]:
    if name in OF_SIZE:
        return OF_SIZE[name](sizes)
    if name in OF_WORLD:
        return OF_WORLD[name](_world(chosen, sizes), sizes)
    return OF_LEADS[name](_leads(chosen, sizes), sizes)


def _names(only: str | None) -> list[str]:
    names = only.split(",") if only else [name for name in NAMES if name not in OF_WORLD]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UserError(
            "\n".join(f"--only: no bench {n!r}{nearest(n, list(NAMES))}" for n in unknown)
            + f"\nthe benches are: {', '.join(NAMES)}"
        )
    return names


def _world(chosen: Namespace, sizes: Sizes) -> Leads:
    crm = chosen.experiments / "data" / "world.yaml"
    return open_leads(crm, None, replace(sizes, tokens=sizes.quality_tokens))


def _leads(chosen: Namespace, sizes: Sizes) -> Leads:
    name = chosen.data or ("raop" if has_data("raop") else "world")
    crm = chosen.experiments / "data" / f"{name}.yaml"
    return open_leads(crm, chosen.root, sizes, smoke=chosen.smoke)
