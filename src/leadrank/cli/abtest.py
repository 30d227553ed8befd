"""`leadrank abtest design | analyse | simulate`: online tests of a call list."""

import argparse
from collections.abc import Callable
from pathlib import Path

import polars as pl

from leadrank.cli.engine_flag import add_engine
from leadrank.errors import UserError
from leadrank.funnel.nearest import nearest
from leadrank.online import (
    design,
    format_analysis,
    format_plan,
    read_unit_table,
)
from leadrank.online.plan import TERMS
from leadrank.online.unit_table import read_rows

PARTS: dict[str, str] = {
    "design": "who gets the treatment, for how long, and what the test could see",
    "analyse": "what a test says, from one table of units",
    "simulate": "a whole test in the simulated dealership, beside its truth",
}
UNITS = ("rep", "store", "lead")


def run_abtest(words: list[str]) -> int:
    """Runs one part; returns the exit code."""
    parts: dict[str, Callable[[list[str]], int]] = {
        "design": _design,
        "analyse": _analyse,
        "simulate": _simulate,
    }
    usage = "leadrank abtest PART, where PART is\n" + "\n".join(
        f"  {name:<10}{what}" for name, what in PARTS.items()
    )
    if not words or words[0] in ("-h", "--help"):
        print(usage)
        return 0
    if words[0] not in parts:
        raise UserError(f"abtest has no part {words[0]!r}{nearest(words[0], PARTS)}\n{usage}")
    return parts[words[0]](words[1:])


def _parser(part: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        f"leadrank abtest {part}", description=PARTS[part], allow_abbrev=False
    )


def _column_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="which column is unit, arm, orders, day, exposure, before or stratum",
    )


def _columns(given: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in given]
    if wrong := [word for word, pair in zip(given, pairs, strict=True) if not pair[1]]:
        raise UserError(f"--column {wrong[0]}: expected NAME=COLUMN, such as orders=sold")
    return {name: column for name, _, column in pairs}


def _design(words: list[str]) -> int:
    parser = _parser("design")
    parser.add_argument("history", type=Path, help="orders by unit and day, before the test")
    parser.add_argument("--unit", choices=UNITS, default="rep", help="what is randomised")
    parser.add_argument("--days", type=int, default=132, help="length of the test")
    parser.add_argument("--lag-days", type=int, default=30, help="first days not counted")
    parser.add_argument("--share", type=float, default=0.5, help="share of units treated")
    parser.add_argument(
        "--size-strata", type=int, default=1, help="groups by earlier orders, within strata"
    )
    parser.add_argument("--looks", type=int, default=20, help="planned looks")
    parser.add_argument("--salt", required=True, help="of the assignment: any new word")
    parser.add_argument("--out", type=Path, required=True, help="the plan to write, CSV")
    _column_argument(parser)
    chosen = parser.parse_args(words)
    table = read_unit_table(
        read_rows(chosen.history),
        name=str(chosen.history),
        columns=_columns(chosen.column),
        need=("day",),
    )
    plan = design(
        table, kind=chosen.unit, days=chosen.days, lag_days=chosen.lag_days, salt=chosen.salt,
        share=chosen.share, size_strata=chosen.size_strata, looks=chosen.looks,
    )  # fmt: skip
    print("\n".join([format_plan(plan), *(f"note: {note}" for note in table.notes)]))
    _write_assignment(plan.table, chosen.out)
    print(f"\n{chosen.out}: {', '.join(plan.table.columns)}")
    return 0


def _write_assignment(table: pl.DataFrame, out: Path) -> None:
    """Writes it, unless another plan would be lost: tests run for months by that file."""
    if out.is_file():
        there, kept = pl.read_csv(out, schema_overrides={"unit": pl.String}), ("unit", "arm")
        same = there.columns == table.columns and there.select(*kept, *TERMS).equals(
            table.select(*kept, *TERMS)
        )
        if not same:
            raise UserError(
                f"{out} holds another plan; give another --out, or move it away if no test "
                "runs by it"
            )
    out.parent.mkdir(parents=True, exist_ok=True)
    table.write_csv(out)


def _analyse(words: list[str]) -> int:
    from leadrank.cli.abtest_analyse import analyse_table

    parser = _parser("analyse")
    parser.add_argument("table", type=Path, help="unit, arm, orders; day where by day")
    parser.add_argument("--plan", type=Path, help="what `design` wrote; says all that follows")
    parser.add_argument("--days", type=int, help="planned length of the test")
    parser.add_argument("--skip-days", type=int, help="first days not counted; default 0")
    parser.add_argument("--share", type=float, help="planned share treated; default 0.5")
    parser.add_argument("--looks", type=int, help="planned looks; default 20")
    _column_argument(parser)
    chosen = parser.parse_args(words)
    print(format_analysis(analyse_table(chosen, _columns(chosen.column))))
    return 0


def simulate_parser() -> argparse.ArgumentParser:
    """The flags of `leadrank abtest simulate`."""
    parser = _parser("simulate")
    parser.add_argument(
        "--treatment", required=True, help="recency, scorecard, ..., or folder of a run"
    )
    parser.add_argument("--control", default="recency", help="likewise")
    parser.add_argument("--unit", choices=UNITS, default="rep", help="what is randomised")
    parser.add_argument(
        "--stores", type=int, help="of 4 reps; default 200, or 5 where a run reads the leads"
    )
    parser.add_argument(
        "--leads-per-rep", type=float, default=1.5, help="new ones a day; default %(default)s"
    )
    parser.add_argument("--days", type=int, help="length of the test; default 132")
    parser.add_argument("--before", type=int, help="days before it, for CUPED; default 60")
    parser.add_argument("--skip-days", type=int, default=0, help="first days not counted")
    parser.add_argument("--seed", type=int, default=0, help="of the world and the assignment")
    parser.add_argument(
        "--replays", type=int, help="other assignments, for the power; default 500"
    )
    parser.add_argument("--smoke", action="store_true", help="few stores, 14 days")
    parser.add_argument(
        "--out", type=Path, default=Path("abtest.png"), help="picture of both curves, .png"
    )
    parser.add_argument("--base", help="folder of a run's base model, if it has moved")
    add_engine(parser)
    return parser


def _simulate(words: list[str]) -> int:
    from leadrank.cli.abtest_simulate import run_simulate

    return run_simulate(simulate_parser().parse_args(words))
