"""The doors of leadrank: `leadrank COMMAND ...`.

Exit code 2 is the user's mistake, said in one sentence; a traceback is ours.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from leadrank.cli.engine_flag import add_engine
from leadrank.errors import UserError

COMMANDS: dict[str, str] = {
    "fit": "train an experiment: --config experiments/EXP.yaml --data.crm FILE",
    "sweep": "run a W&B sweep file here: FILE --data NAME, and flags of `fit`",
    "compare": "every system on one CRM, side by side: --data NAME",
    "audit": "which tiers of preference pairs can be trusted: --data NAME",
    "margins": "is it the margin, the weight or the pairs: --data NAME",
    "test": "measure a finished run's model on its test part again",
    "score": "rank new leads with a finished run",
    "report": "write a finished run's report.html again",
    "check": "print what a CRM file makes of its table",
    "init": "draft a CRM file for a table",
    "world": "simulate a dealership: --leads N --days D --seed S --out FOLDER",
    "abtest": "design, analyse or simulate an online test",
    "bench": "how fast it is, beside what one would use instead",
}

RIVALS = "rivals.parquet"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # On some CPUs it tells of a faster kernel that it would fetch: nothing a user can mend.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return 0
    try:
        return _command(words[0])(words[1:])
    except UserError as error:
        print(f"leadrank: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0


def _usage() -> str:
    lines = [f"  {name:<8}{what}" for name, what in COMMANDS.items()]
    return "\n".join(["leadrank COMMAND ..., where COMMAND is:", *lines])


def _command(name: str) -> Callable[[list[str]], int]:
    from leadrank.funnel.nearest import nearest

    commands = {
        "fit": _fit,
        "sweep": _sweep,
        "compare": _compare,
        "audit": _audit,
        "margins": _margins,
        "test": _test,
        "score": _score,
        "report": _report,
        "check": _check,
        "init": _init,
        "world": _world,
        "abtest": _abtest,
        "bench": _bench,
    }
    if name not in commands:
        raise UserError(f"no command {name!r}{nearest(name, list(COMMANDS))}\n{_usage()}")
    return commands[name]


def _parser(command: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        f"leadrank {command}", description=COMMANDS[command], allow_abbrev=False
    )


def _fit(words: list[str]) -> int:
    from leadrank.cli.fit import run_fit

    return run_fit(words)


def _sweep(words: list[str]) -> int:
    from leadrank.cli.sweep import run_sweep_command

    parser = _parser("sweep")
    parser.add_argument("sweep", type=Path, help="the sweep file")
    parser.add_argument("--data", required=True, help="NAME of experiments/data/NAME.yaml")
    parser.add_argument("--trials", type=int, help="no more trials than this")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs")
    chosen, flags = parser.parse_known_args(words)
    return run_sweep_command(
        chosen.sweep, chosen.data, flags, runs=chosen.runs, most=chosen.trials
    )


def _compare(words: list[str]) -> int:
    parser = _parser("compare")
    _crm_argument(parser)
    parser.add_argument(
        "--exp", help="base, layers and longest prompt of this experiment; default: base"
    )
    parser.add_argument("--systems", help="some only: NAME,NAME; default: all that there are")
    parser.add_argument("--seeds", type=int, help="no more seeds of a random system than this")
    parser.add_argument("--out", type=Path, help="default: benchmarks/compare/NAME")
    parser.add_argument("--against", default="lightgbm", help="the reference; default lightgbm")
    parser.add_argument(
        "--run", action="append", default=[], metavar="NAME=FOLDER",
        help="a finished run of `fit` on the same data, as one more system; once for each seed",
    )  # fmt: skip
    parser.add_argument("--again", help="run these anew: NAME,NAME")
    parser.add_argument(
        "--level", type=int, choices=range(1, 5), default=1,
        help="level of the page's title, for a page inside another; default 1",
    )  # fmt: skip
    parser.add_argument(
        "--origins", type=int, default=1,
        help="so many test windows, earlier ones too; differences are averaged; default 1",
    )  # fmt: skip
    parser.add_argument(
        "--sample", type=int, default=2000,
        help="dear systems score the orders, the tops and so many other rows; default 2000",
    )  # fmt: skip
    parser.add_argument("--root", help="data root; default $LEADRANK_DATA")
    parser.add_argument("--experiments", type=Path, default=Path("experiments"))
    parser.add_argument("--smoke", action="store_true", help="64 rows, two layers: seconds")
    chosen = parser.parse_args(words)
    from leadrank.cli.compare import run_compare

    return run_compare(chosen, words)


def _audit(words: list[str]) -> int:
    parser = _parser("audit")
    _crm_argument(parser)
    parser.add_argument("--exp", default="hpro", help="whose pairs; default %(default)s")
    parser.add_argument("--scheme", help="another scheme of tiers than the experiment's")
    parser.add_argument("--run", type=Path, help="a finished run: what its tiers pull")
    parser.add_argument("--out", type=Path, help="default: benchmarks/audit/NAME")
    parser.add_argument("--root", help="data root; default $LEADRANK_DATA")
    parser.add_argument("--experiments", type=Path, default=Path("experiments"))
    parser.add_argument("--seed", type=int, default=0, help="of samples and bootstrap")
    parser.add_argument("--smoke", action="store_true", help="few rows: seconds")
    chosen = parser.parse_args(words)
    from leadrank.cli.audit import run_audit

    return run_audit(chosen, words)


def _margins(words: list[str]) -> int:
    parser = _parser("margins")
    _crm_argument(parser)
    parser.add_argument("--exp", help="layers and prompts of this experiment; default: base")
    parser.add_argument("--trials", help="some only: NAME,NAME; default: all that there are")
    parser.add_argument("--shares", help="shares of the orders; default 1,0.3,0.1,0.03")
    parser.add_argument("--seeds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--out", type=Path, help="default: benchmarks/margins/NAME")
    parser.add_argument("--root", help="data root; default $LEADRANK_DATA")
    parser.add_argument("--experiments", type=Path, default=Path("experiments"))
    parser.add_argument("--smoke", action="store_true", help="64 rows, two layers: seconds")
    chosen = parser.parse_args(words)
    from leadrank.cli.margins import run_margins

    return run_margins(chosen, words)


def _crm_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, help="NAME of experiments/data/NAME.yaml, or a CRM file"
    )


def _run_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, type=Path, help="folder of a finished run")
    parser.add_argument("--base", help="folder of the base model, if it has moved")


def _test(words: list[str]) -> int:
    from leadrank.cli.score import run_test

    parser = _parser("test")
    _run_argument(parser)
    parser.add_argument("--root", help="data root; default $LEADRANK_DATA")
    parser.add_argument("--four-bit", action="store_true", help="less memory, slower on CPU")
    return run_test(parser.parse_args(words))


def _score(words: list[str]) -> int:
    from leadrank.cli.score import run_score

    parser = _parser("score")
    _run_argument(parser)
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="[TABLE=]FILE",
        help="the new rows; TABLE= names the CRM file's table when it has several",
    )
    parser.add_argument(
        "--root", help="where tables not given with --data lie; default $LEADRANK_DATA"
    )
    parser.add_argument("--out", required=True, type=Path, help=".parquet or .csv")
    add_engine(parser)
    parser.add_argument("--four-bit", action="store_true", help="less memory, slower on CPU")
    return run_score(parser.parse_args(words))


def _report(words: list[str]) -> int:
    from leadrank.training.finish import report
    from leadrank.training.run_folder import load_run

    parser = _parser("report")
    parser.add_argument("--run", required=True, type=Path, help="folder of a finished run")
    run = load_run(parser.parse_args(words).run)
    if not (run.folder / RIVALS).is_file():
        raise UserError(
            f"{run.folder}: there is no {RIVALS}, which holds the rivals' scores for the "
            "report; copy it from where the run was made, or run the fit again"
        )
    print(report(run))
    return 0


def _check(words: list[str]) -> int:
    from leadrank.cli.check import run_check

    parser = _parser("check")
    parser.add_argument("crm", help="the CRM file")
    parser.add_argument("--root", help="data root; default $LEADRANK_DATA")
    parser.add_argument("--quarantine", type=Path, help="write the unusable rows here (CSV)")
    parser.add_argument(
        "--leaks", action="store_true",
        help="look for inputs that know the outcome; exit code 1 where the table proves one",
    )  # fmt: skip
    return run_check(parser.parse_args(words))


def _abtest(words: list[str]) -> int:
    from leadrank.cli.abtest import run_abtest

    return run_abtest(words)


def _bench(words: list[str]) -> int:
    from leadrank.cli.bench import run_bench

    parser = _parser("bench")
    parser.add_argument("--only", help="some only: NAME,NAME; default: all that there are")
    parser.add_argument("--data", help="NAME of experiments/data/NAME.yaml; default raop")
    parser.add_argument("--root", help="data root; default $LEADRANK_DATA")
    parser.add_argument("--experiments", type=Path, default=Path("experiments"))
    parser.add_argument("--out", type=Path, help="default: benchmarks/results.json")
    parser.add_argument("--profile", action="store_true", help="where a step's time goes")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: seconds")
    return run_bench(parser.parse_args(words))


def _init(words: list[str]) -> int:
    from leadrank.funnel import draft_crm_file

    parser = _parser("init")
    parser.add_argument("table", type=Path, help="CSV, Parquet or JSON lines")
    parser.add_argument("--out", type=Path, help="the CRM file to write; default: print it")
    chosen = parser.parse_args(words)
    draft = draft_crm_file(chosen.table)
    if chosen.out is None:
        print(draft)
    elif chosen.out.exists():
        raise UserError(f"{chosen.out} exists; give another --out, or move it away")
    else:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(draft, "utf-8")
        print(f"{chosen.out}: check every line marked GUESS, then set `confirmed: true`")
    return 0


def _world(words: list[str]) -> int:
    from leadrank.cli.world import run_world

    parser = _parser("world")
    parser.add_argument("--leads", type=int, default=60_000, help="default %(default)s")
    parser.add_argument("--days", type=int, default=217, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    parser.add_argument("--out", type=Path, help="a new folder")
    parser.add_argument(
        "--measure", action="store_true", help="who ranks the orders how well, in three worlds"
    )
    parser.add_argument(
        "--policies", action="store_true", help="what several orders of calls sell"
    )
    parser.add_argument("--seeds", type=int, default=3, help="with --policies: worlds of each")
    parser.add_argument("--texts", type=int, default=0, help="print so many texts, as Markdown")
    return run_world(parser.parse_args(words))
