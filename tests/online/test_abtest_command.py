"""`leadrank abtest` as a user types it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leadrank.cli import main


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
        (["simulate", "--treatment", "scorecard", "--units", "6"], "a multiple of 4"),
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
    words = ["--units", "8", "--days", "40", "--before", "10", "--replays", "20", "--seed", "1"]
    command = ["abtest", "simulate", "--treatment", "scorecard", "--control", "recency"]
    assert main([*command, *words, "--out", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "the truth, which only a simulated world has" in printed
    assert "of 20 other assignments" in " ".join(printed.split())
    lines = [line for line in printed.splitlines() if str(picture) not in line]
    assert max(map(len, lines)) <= 80
    assert picture.stat().st_size > 10_000
