"""Figures beside their targets: verdict, line, file."""

import json

import pytest

from leadrank.bench.figure import HEAD, Figure, write_figures


def test_a_target_is_the_least_or_the_most():
    assert Figure("ratio", 4.0, "times", 10, 4.0).holds is True
    assert Figure("ratio", 3.9, "times", 10, 4.0).holds is False
    assert Figure("seconds", 3.9, "s", 10, 4.0, "most").holds is True
    assert Figure("seconds", 4.1, "s", 10, 4.0, "most").holds is False
    assert Figure("stated", 4.1, "s", 10).holds is None


def test_a_missed_target_is_printed_as_missed():
    assert Figure("ratio", 3.91, "times", 10, 4.0).line().endswith("3.91  at least 4    MISSED")


def test_lines_fit_80_columns():
    line = Figure("x" * 44, 123456.789, "GFLOP/s", 10, 0.001, "most").line()
    assert "123457 GFLOP/s  at most 0.001 MISSED" in line
    assert max(len(line), len(HEAD)) <= 80


def test_the_file_keeps_what_was_not_measured_again(tmp_path):
    file = tmp_path / "deep" / "results.json"
    first = [Figure("a", 1.0, "s", 1), Figure("  b", 1.0, "times", 2, 2.0)]
    write_figures(file, first, commit="one")
    write_figures(file, [Figure("b", 3.0, "times", 2, 2.0)], commit="two")
    assert json.loads(file.read_text()) == [
        {"name": "a", "value": 1.0, "unit": "s", "n": 1, "target": None, "bound": "least",
         "holds": None, "commit": "one"},
        {"name": "b", "value": 3.0, "unit": "times", "n": 2, "target": 2.0, "bound": "least",
         "holds": True, "commit": "two"},
    ]  # fmt: skip


def test_two_figures_of_one_name_are_refused(tmp_path):
    figures = [Figure("a", 1.0, "s", 1), Figure("  a", 2.0, "s", 1)]
    with pytest.raises(ValueError, match="one name: a"):
        write_figures(tmp_path / "results.json", figures)
