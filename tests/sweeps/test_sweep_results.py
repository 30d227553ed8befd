"""What a sweep leaves: table, picture, and a winner that did not win by its seed."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from leadrank.cli import main
from leadrank.errors import UserError
from leadrank.training.sweep_file import load_sweep
from leadrank.training.sweep_results import (
    format_settings,
    settings_table,
    short_names,
    write_results,
    write_winner,
)
from leadrank.training.sweep_trial import Trial

NAMES = ("model.loss.a", "model.loss.b.c", "seed_everything")


def _trials(*rows: tuple[object, object, int, float | None]) -> list[Trial]:
    return [
        Trial(
            number, dict(zip(NAMES, row[:3], strict=True)),
            "failed" if row[3] is None else "finished", row[3], error="no" * 200,
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip


@pytest.fixture
def file(sweep_file):
    values = {NAMES[0]: [1, 2], NAMES[1]: ["x", "y"], NAMES[2]: [0, 1]}
    return load_sweep(sweep_file({name: {"values": v} for name, v in values.items()}))


TRIALS = _trials(
    (1, "x", 0, 0.50), (1, "x", 1, 0.40),
    (1, "y", 0, 0.60), (1, "y", 1, 0.20),  # the best seed of all, and the worse mean
    (2, "x", 0, 0.99), (2, "x", 1, None),  # one seed only
)  # fmt: skip


def test_settings_are_judged_by_their_mean_over_seeds(file):
    table = settings_table(file, TRIALS)
    assert table.columns == [*NAMES[:2], "mean", "lowest", "highest", "trials"]
    assert [(row[0], row[1]) for row in table.rows()] == [("1", "x"), ("1", "y"), ("2", "x")]
    assert table["mean"].to_list() == pytest.approx([0.45, 0.40, 0.99])
    assert table["trials"].to_list() == [2, 2, 1]


def test_the_lowest_wins_where_it_should(file):
    from dataclasses import replace

    metric = replace(file.metric, goal="minimize")
    assert settings_table(replace(file, metric=metric), TRIALS)["mean"][0] == pytest.approx(0.4)


def test_the_winner_is_the_experiment_with_the_best_setting(file, workshop, tmp_path):
    path = write_winner(
        tmp_path, file, TRIALS, experiment=workshop / "experiments/plain.yaml",
        command="make sweep", again="make train",
    )  # fmt: skip
    text = path.read_text()
    assert text.startswith(
        "# Question: Is it any good?\n# Command:  make sweep\n#           make train\n"
        "# Result:   val/average_precision 0.4500 on validation, mean of 2 trials\n"
        "#           (0.4000 to 0.5000); the best of 3 settings"
    )
    # The experiment's own keys, then the setting's; a seed is none.
    assert yaml.safe_load(text) == {
        "patience": 4,
        "model": {"loss": {"a": 1, "b": {"c": "x"}}},
    }
    assert (tmp_path / "base.yaml").read_text() == "patience: 3\n"


def test_a_sweep_of_failures_says_what_the_last_one_said(file, workshop, tmp_path):
    with pytest.raises(
        UserError, match="none of the 1 trials finished; the last one said\nnono"
    ):
        write_winner(
            tmp_path, file, TRIALS[-1:], experiment=workshop / "experiments/plain.yaml",
            command="", again="",
        )  # fmt: skip


def test_the_printed_table_fits_80_columns(file):
    many = _trials(*((k, "a long word " * 9, 0, 0.1) for k in range(30)))
    lines = format_settings(file, settings_table(file, many)).splitlines()
    assert max(map(len, lines)) == 80
    assert lines[0] == "val/average_precision at the best epoch, 30 settings, best first"
    assert len(lines) == 2 + 20


def test_fewer_seeds_come_last_and_that_is_said(file):
    lines = format_settings(file, settings_table(file, TRIALS)).splitlines()
    assert lines[1] == "(settings with fewer finished trials than others come last)"
    assert lines[2].split() == ["mean", "lowest", "highest", "trials", "a", "c"]
    assert lines[3].split() == ["0.4500", "0.4000", "0.5000", "2", "1", "x"]
    assert lines[5].split() == ["0.9900", "0.9900", "0.9900", "1", "2", "x"]


def test_the_csv_has_every_trial(tmp_path):
    write_results(tmp_path / "results.csv", TRIALS)
    table = pl.read_csv(tmp_path / "results.csv")
    assert table["trial"].to_list() == [0, 1, 2, 3, 4, 5]
    assert table["state"].to_list() == ["finished"] * 5 + ["failed"]
    assert table[NAMES[1]].to_list() == ["x", "x", "y", "y", "x", "x"]
    assert table["error"][5] == "no" * 200


def test_a_setting_may_be_a_number_here_and_a_word_there(tmp_path):
    write_results(tmp_path / "results.csv", _trials((1, "x", 0, 0.1), (0.5, True, 0, None)))
    table = pl.read_csv(tmp_path / "results.csv", infer_schema=False)
    assert table[NAMES[0]].cast(pl.Float64).to_list() == [1.0, 0.5]
    assert table[NAMES[1]].to_list() == ["x", "true"]


def test_short_names_tell_apart():
    assert short_names(["model.loss.a", "model.head.a", "b"]) == {
        "model.loss.a": "loss.a",
        "model.head.a": "head.a",
        "b": "b",
    }
    assert short_names(["a", "b.a"]) == {"a": "a", "b.a": "b.a"}


# The command


def test_the_command_leaves_all_files_and_fits_80_columns(sweep_file, workshop, capsys):
    path = sweep_file({"loss": {"values": [0.25, "bad", 0.75]}, "other": {"values": [1]}})
    words = ["sweep", str(path), "--data", "shop", "--trials", "3", "--patience=2"]
    assert main(words) == 0
    folder = Path("runs/sweep-tried-shop")
    said = capsys.readouterr().out
    assert f"The winner:   {folder}/winner.yaml" in said
    assert "1 of 3 trials failed; results.csv says why" in said
    assert max(map(len, said.splitlines())) <= 80
    assert (folder / "response.png").read_bytes().startswith(b"\x89PNG")
    winner = (folder / "winner.yaml").read_text()
    assert (
        '# Command:  make sweep SWEEP=tried DATA=shop ARGS="--trials=3 --patience=2"' in winner
    )
    again = 'make train EXP=../runs/sweep-tried-shop/winner DATA=shop ARGS="--patience=2"'
    assert again in winner
    assert yaml.safe_load(winner)["loss"] == 0.75


def test_a_smoke_sweep_has_a_folder_of_its_own(sweep_file, workshop):
    path = sweep_file({"loss": {"values": [0.25]}}, command=["${interpreter}", "${program}",
        "--config=experiments/plain.yaml", "${args}"])  # fmt: skip
    (workshop / "fake_fit.py").write_text(
        "import sys; sys.argv.remove('--smoke')\n" + (workshop / "fake_fit.py").read_text()
    )
    assert main(["sweep", str(path), "--data", "shop", "--smoke"]) == 0
    assert Path("runs/sweep-tried-shop-smoke/winner.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "shpo"], "shpo.yaml: no such CRM file; did you mean 'shop'"),
        (["--data", "shop", "--loss=2"], "the sweep file sets loss in each trial"),
        (["--data", "shop", "--trials", "0"], "--trials 0: expected 1 or more"),
    ],
)
def test_mistakes_end_before_any_trial(sweep_file, words, said, capsys):
    assert main(["sweep", str(sweep_file({"loss": {"values": [0.25]}})), *words]) == 2
    assert said in capsys.readouterr().err
    assert not Path("runs/sweep-tried-shop/trials").exists()
