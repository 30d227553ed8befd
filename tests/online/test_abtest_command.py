"""`leadrank abtest` as a user types it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leadrank.cli import main
from leadrank.cli.abtest import simulate_parser
from leadrank.cli.abtest_sizes import with_sizes, world_settings
from leadrank.world.dealership import Dealership
from leadrank.world.policies import recency


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("abtest") / "history.csv"
    write_days(path, days=70, seed=1)
    return path


def write_days(path: Path, *, days: int, seed: int, lift: float = 0.0) -> None:
    """Orders of 16 reps by day, those with odd numbers times 1 + lift."""
    rng = np.random.default_rng(seed)
    unit, day = np.repeat(np.arange(16), days), np.tile(np.arange(days), 16)
    orders = rng.poisson(0.3 * (1 + lift * (unit % 2)))
    dates = pl.date_range(pl.date(2026, 1, 1), pl.date(2028, 1, 1), eager=True)
    pl.DataFrame({"unit": unit, "day": dates[day], "orders": orders}).write_csv(path)


def test_design_then_analyse(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, test = tmp_path / "plan.csv", tmp_path / "test.csv"
    words = ["abtest", "design", str(history), "--salt", "spring", "--out", str(plan)]
    assert main(words) == 0
    assert "16 reps: 8 treatment, 8 control" in capsys.readouterr().out
    assert main(words) == 0  # the same again is no other assignment
    capsys.readouterr()
    assert main([*words[:4], "autumn", *words[5:]]) == 2
    assert "holds another assignment" in capsys.readouterr().err
    write_days(test, days=132, seed=2)
    assert main(["abtest", "analyse", str(test), "--plan", str(plan), "--skip-days", "30"]) == 0
    printed = capsys.readouterr().out
    assert "102 days counted of 132 planned" in printed
    assert "adjusted for earlier orders (CUPED)" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["desing"], "did you mean 'design'"),
        (["analyse", "nowhere.csv"], "no such file"),
        (["design", "HISTORY", "--unit", "lead", "--salt", "s", "--out", "x.csv"],
         "counted twice"),
        (["design", "HISTORY", "--salt", "s", "--out", "x.csv", "--column", "orders"],
         "expected NAME=COLUMN"),
        (["analyse", "HISTORY"], "no column arm"),
        (["simulate", "--treatment", "recensy"], "did you mean 'recency'"),
        (["simulate", "--treatment", "scorecard", "--unit", "lead"], "counted twice"),
        (["simulate", "--treatment", "scorecard", "--stores", "1"], "expected 2 or more"),
        (["simulate", "--treatment", "scorecard", "--stores", "3", "--unit", "store"],
         "expected 4 or more"),
        (["simulate", "--treatment", "scorecard", "--leads-per-rep", "0"], "more than 0"),
        (["simulate", "--treatment", "scorecard", "--days", "9", "--skip-days", "9"], "0 to 8"),
        (["simulate", "--treatment", "scorecard", "--before", "0"], "1 or more"),
        (["simulate", "--treatment", "scorecard", "--seed", "-1"], "0 or more"),
        (["simulate", "--treatment", "scorecard", "--out", "x.jpg"], "ends in .png"),
        (["simulate", "--treatment", "recency", "--control", "lightgbm"], "as --treatment"),
        (["simulate", "--treatment", "scorecard", "--stores", "2", "--days", "1", "--before",
          "1", "--leads-per-rep", "0.1"], "no order in 1 days of 2 stores on recency"),
        (["simulate", "--treatment", "lightgbm", "--stores", "2", "--before", "31", "--smoke"],
         "a larger --before, or more --stores"),
    ],
)  # fmt: skip
def test_a_users_mistake_is_said_in_a_sentence(
    history: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(history) if word == "HISTORY" else word for word in words]
    assert main(["abtest", *given]) == 2
    assert message in capsys.readouterr().err


def test_simulate_prints_the_test_beside_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "curves.png"
    words = ["--stores", "2", "--days", "40", "--before", "10", "--replays", "20"]
    command = ["abtest", "simulate", "--treatment", "scorecard", "--control", "recency"]
    assert main([*command, *words, "--seed", "1", "--out", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "the truth, which only a simulated world has" in printed
    assert "of 20 other assignments" in " ".join(printed.split())
    lines = [line for line in printed.splitlines() if str(picture) not in line]
    assert max(map(len, lines)) <= 80
    assert picture.stat().st_size > 10_000


def test_the_cheap_model_learns_in_the_days_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["abtest", "simulate", "--treatment", "lightgbm", "--smoke"]) == 0
    printed = capsys.readouterr().out
    assert (tmp_path / "abtest.png").is_file()
    assert "lightgbm against recency, seed 0" in printed
    assert "14 days counted of 14 planned" in printed


def test_more_leads_for_the_same_reps_sell_more_cars() -> None:
    def sold(leads_per_rep: float) -> tuple[int, int]:
        words = ["--treatment", "recency", "--stores", "3", "--days", "20", "--before", "1"]
        words += ["--leads-per-rep", str(leads_per_rep)]
        sized = with_sizes(simulate_parser().parse_args(words))
        world = Dealership(world_settings(sized), 0, snapshots=False).run(21, recency)
        return len(world.staff), len(world.log.read("orders")["lead"])

    (reps, few), (same, many) = sold(1.0), sold(4.0)
    assert reps == same == 12
    assert many > 1.5 * few


def test_totals_of_a_whole_test_have_no_days_to_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "totals.csv"
    arm = ["control", "treatment"] * 4
    pl.DataFrame({"unit": range(8), "arm": arm, "orders": range(3, 11)}).write_csv(table)
    assert main(["abtest", "analyse", str(table), "--days", "132"]) == 2
    assert "no column day" in capsys.readouterr().err
    assert main(["abtest", "analyse", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "one row a unit" in printed
    assert "and day" not in printed
