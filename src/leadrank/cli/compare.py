"""`leadrank compare`: every system on one CRM, and the report of how they did."""

import json
import logging
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leadrank.compare.comparison import Comparison
from leadrank.compare.engine import Engine
from leadrank.compare.lora_run import take_run
from leadrank.compare.measure import DRAWS
from leadrank.compare.origins import earlier
from leadrank.compare.presets import experiment_files, read_experiment
from leadrank.compare.report import write_report
from leadrank.compare.results import TABLES, read_result
from leadrank.compare.study import Study, open_study
from leadrank.compare.system import System
from leadrank.compare.systems import load_systems, system_names
from leadrank.compare.terminal import summary
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.training.data import LeadDataModule
from leadrank.training.root import filed_as, named_crm

#: `--smoke`: seconds instead of minutes.
SMOKE_ROWS, SMOKE_TOKENS, SMOKE_LAYERS, SMOKE_DRAWS = 64, 64, 2, 50

#: What an engine says of systems that are not in the tables, by kind.
MISSING = ("not_applicable", "failed", "left_out")


def run_compare(chosen: Namespace, words: list[str]) -> int:
    """Runs what is missing and writes the report; 1 where a system failed."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    crm = named_crm(chosen.experiments, chosen.data)
    runs = [_named_run(word) for word in chosen.run]
    data, encoder, epochs = _terms(chosen, crm)
    # Neither a smoke run nor other prompts may be taken for the results.
    name = filed_as(crm) + f"-{chosen.exp}" * bool(chosen.exp) + "-smoke" * chosen.smoke
    out = chosen.out or Path("benchmarks/compare", name)
    again = _listed(chosen.again)
    names = [*(_listed(chosen.systems) or system_names()), *again]
    names += _reference(chosen.against, out, [name for name, _ in runs])
    systems = load_systems(dict.fromkeys(names))
    study, test = open_study(data, encoder, experiments=chosen.experiments, **epochs)
    comparison = Comparison(study, test, out, chosen.sample)
    for name, folder in runs:
        take_run(comparison, name, folder)
    engine = Engine(comparison)
    wanted: dict[str, Any] = {"seeds": 1 if chosen.smoke else chosen.seeds, "again": again}
    engine.run(systems, **wanted)
    engines = [engine, *_earlier(chosen, data, study, systems, out, wanted)]
    results, *earlier_results = [one.results() for one in engines]
    missing = {kind: _missing(engines, kind) for kind in MISSING}
    page = write_report(
        out,
        results,
        earlier=earlier_results,
        crm=study.table.crm,
        against=chosen.against,
        command=shlex.join(["leadrank", "compare", *map(_without_place, words)]),
        **missing,
        draws=SMOKE_DRAWS if chosen.smoke else DRAWS,
        level=chosen.level,
    )
    print(summary(json.loads(page.with_suffix(".json").read_text("utf-8"))))
    print(f"How each was tuned, the top of the list, calibration and pictures:\n  {page}")
    if missing["failed"]:
        print(f"{len(missing['failed'])} failed: {', '.join(missing['failed'])}")
    return int(bool(missing["failed"]))


def _missing(engines: Sequence[Engine], kind: str) -> dict[str, str]:
    """Why systems are missing, by name, and by test window in the earlier ones."""
    return {
        f"{name} (test window {number})" if number > 1 else name: why
        for number, engine in enumerate(engines, start=1)
        for name, why in getattr(engine, kind).items()
    }


def _reference(against: str, out: Path, runs: Sequence[str]) -> list[str]:
    """The reference, to be run or checked, if it is a system; none where it is a run."""
    known = system_names()
    if against in known:
        return [against]
    if against not in runs and read_result(out, against) is None:
        raise UserError(
            f"--against {against}: no such system{nearest(against, known)}, and no scores of "
            f"it in {out}"
        )
    return []


def _earlier(
    chosen: Namespace,
    data: LeadDataModule,
    study: Study,
    systems: Mapping[str, System],
    out: Path,
    wanted: dict[str, Any],
) -> Iterator[Engine]:
    """Engines of earlier test windows, each with a folder of its own, latest first."""
    for number in range(1, chosen.origins):
        print(f"test window {number + 1} of {chosen.origins}, an earlier one")
        data = earlier(data)
        before, test = open_study(
            data, study.encoder, experiments=study.experiments, max_epochs=study.max_epochs
        )
        engine = Engine(Comparison(before, test, out / f"origin_{number}", chosen.sample))
        engine.run(systems, **wanted)
        yield engine


def _terms(
    chosen: Namespace, crm: Path
) -> tuple[LeadDataModule, EncoderSettings, dict[str, int]]:
    """The data, the frozen trunk and the epochs that all systems share."""
    words = [f"--data.crm={crm}"]
    words += [f"--data.root={chosen.root}"] if chosen.root else []
    if chosen.smoke:
        words += [f"--data.max_rows={SMOKE_ROWS}", f"--data.prompt.max_tokens={SMOKE_TOKENS}"]
        words += [f"--model.encoder.layers={SMOKE_LAYERS}"]
    base = read_experiment(experiment_files(chosen.experiments, chosen.exp), words)
    encoder = replace(base.ranker.encoder_settings, adapt="none", adapt_from=0)
    epochs = {"max_epochs": 1} if chosen.smoke else {}
    return base.data, encoder, epochs


def _without_place(word: str) -> str:
    """A word without the folders above an absolute path, which name somebody's machine."""
    name, found, value = word.rpartition("=")
    return name + found + Path(value).name if Path(value).is_absolute() else word


def _named_run(word: str) -> tuple[str, Path]:
    name, found, folder = word.partition("=")
    if not (found and name.isidentifier() and folder):
        raise UserError(
            f"--run {word}: expected NAME=FOLDER, e.g. lora_hpro=runs/hpro-raop/latest, with a "
            "name of letters, digits and _"
        )
    if name in (*system_names(), *TABLES):
        raise UserError(f"--run {word}: {name} is a name of its own here; give the run another")
    return name, Path(folder)


def _listed(word: str | None) -> list[str]:
    return [name for name in (word or "").split(",") if name]
