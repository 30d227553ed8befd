"""`leadrank abtest` as a user types it."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cluster_draws import draw_potential

from leadrank.cli import main
from leadrank.cli.abtest import simulate_parser
from leadrank.cli.abtest_simulate import truth_lines
from leadrank.cli.abtest_sizes import with_sizes, world_settings
from leadrank.online import share_significant
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
    assert "holds another plan" in capsys.readouterr().err
    assert main([*words, "--days", "90"]) == 2  # the same arms, but another test
    assert "holds another plan" in capsys.readouterr().err
    write_days(test, days=132, seed=2)
    assert main(["abtest", "analyse", str(test), "--plan", str(plan)]) == 0
    printed = capsys.readouterr().out
    assert "102 days counted of 132 planned" in printed
    assert "adjusted for earlier orders (CUPED)" in printed


@pytest.fixture(scope="module")
def quarter(history: Path) -> Path:
    """A plan of 40 days, the first 10 not counted, a quarter of the reps treated, 4 looks."""
    plan = history.parent / "quarter.csv"
    words = ["--days", "40", "--lag-days", "10", "--share", "0.25", "--looks", "4"]
    command = ["abtest", "design", str(history), "--salt", "s", "--out", str(plan)]
    assert main([*command, *words]) == 0
    return plan


def analysed(table: Path, *words: str) -> int:
    return main(["abtest", "analyse", str(table), *words])


def test_the_plans_share_is_what_the_arms_are_held_against(
    quarter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """4 of 16 are as planned, p = 1; against a half it would be .046."""
    write_days(tmp_path / "t.csv", days=40, seed=2)
    assert analysed(tmp_path / "t.csv", "--plan", str(quarter)) == 0
    (units,) = [line for line in capsys.readouterr().out.splitlines() if "units " in line[:6]][
        1:
    ]
    assert units.split() == ["units", "12", "4", "1.000"]


def test_a_running_test_is_read_as_one_by_its_plan(
    quarter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On day 26 of 40 16 of the 30 counted days are over, and so 2 of 4 looks."""
    write_days(tmp_path / "t.csv", days=26, seed=2)
    assert analysed(tmp_path / "t.csv", "--plan", str(quarter)) == 0
    printed = capsys.readouterr().out
    assert "16 days counted of 40 planned" in printed
    assert "planned look 2 of 4" in printed
    assert "cannot tell yet: 53% of the days to be counted are over" in printed


def test_flags_that_say_other_than_the_plan_are_refused_together(
    quarter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_days(tmp_path / "t.csv", days=40, seed=2)
    plan = ("--plan", str(quarter), "--looks", "4")
    assert analysed(tmp_path / "t.csv", *plan, "--skip-days", "0", "--share", "0.5") == 2
    said = capsys.readouterr().err
    assert "--skip-days 0: the plan says 10" in said
    assert "--share 0.5: the plan says 0.25" in said
    assert "--looks" not in said


def test_a_table_by_day_needs_its_planned_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arm = pl.DataFrame({"unit": range(16), "arm": ["control", "treatment"] * 8})
    write_days(tmp_path / "t.csv", days=30, seed=2)
    pl.read_csv(tmp_path / "t.csv").join(arm, on="unit").write_csv(tmp_path / "t.csv")
    assert analysed(tmp_path / "t.csv") == 2
    assert "how long the test was to be" in capsys.readouterr().err
    assert analysed(tmp_path / "t.csv", "--days", "132") == 0
    assert "30 days counted of 132 planned" in capsys.readouterr().out


def test_a_plan_whose_rows_disagree_is_refused(
    quarter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_days(tmp_path / "t.csv", days=40, seed=2)
    days = pl.int_range(pl.len()).replace(0, 41).clip(40)
    pl.read_csv(quarter).with_columns(days=days).write_csv(tmp_path / "odd.csv")
    assert analysed(tmp_path / "t.csv", "--plan", str(tmp_path / "odd.csv")) == 2
    assert "column days: expected one number in every row" in capsys.readouterr().err


def test_the_parts_are_shown_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["abtest", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


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
        (["simulate", "--treatment", "scorecard", "--seed", "-1"], "0 to 32767"),
        (["simulate", "--treatment", "scorecard", "--seed", "32768"], "0 to 32767"),
        (["simulate", "--treatment", "scorecard", "--stores", "5000"], "1,048,576 at most"),
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


def test_a_runs_name_and_many_orders_fit_80_columns() -> None:
    names = {"control": "recency", "treatment": "runs/hpro_released_code-world/version_0"}
    both = draw_potential(np.random.default_rng(0), units=20)
    many = replace(both, control=both.control + 10, treatment=both.treatment + 10)
    replays = share_significant(many, salt="s", tests=5)
    shown = truth_lines(Namespace(unit="store", **names), many, replays)
    assert "hpro_released_code-world/version_0: 26," in shown
    assert max(map(len, shown.splitlines())) <= 80


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
