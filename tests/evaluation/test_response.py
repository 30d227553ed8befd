"""The picture of a sweep."""

import pytest

from leadrank.evaluation.response import response_figure

SCHEMES = ["tier", "tier", "tier", "zero", "zero", "zero"]
SCALES = [0.0, 3.0, 3.0, 0.0, 3.0, 3.0]
VALUES = [0.1, 0.2, 0.4, 0.5, 0.6, 0.8]


def _means(axis) -> dict[str, list[float]]:
    lines = [line for line in axis.lines if not line.get_label().startswith("_")]
    return {line.get_label(): list(line.get_ydata()) for line in lines}


def test_words_colour_the_lines_of_numbers():
    figure = response_figure({"margins": SCHEMES, "scale": SCALES}, VALUES, name="val/ap")
    (axis,) = figure.axes
    assert _means(axis) == {
        "tier": pytest.approx([0.1, (0.2 + 0.4) / 2]),
        "zero": pytest.approx([0.5, (0.6 + 0.8) / 2]),
    }
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("scale", "val/ap")
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0", "3"]
    assert axis.get_legend().get_title().get_text() == "margins"


def test_words_alone_are_a_panel():
    (axis,) = response_figure({"margins": SCHEMES}, VALUES, name="val/ap").axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["tier", "zero"]
    assert axis.get_legend() is None


def test_every_setting_has_a_panel():
    settings = {"a": SCALES, "b": [1, 2, 1, 2, 1, 2], "flag": [True, False] * 3}
    figure = response_figure(settings, VALUES, name="val/ap")
    assert [axis.get_xlabel() for axis in figure.axes] == ["a", "b"]
    assert figure.axes[-1].get_legend().get_title().get_text() == "flag"


def test_too_many_words_for_colours_are_a_panel():
    figure = response_figure({"w": list("abcdef"), "a": SCALES}, VALUES, name="val/ap")
    assert [axis.get_xlabel() for axis in figure.axes] == ["w", "a"]


def test_a_sweep_of_nothing_still_has_a_picture(tmp_path):
    figure = response_figure({}, [0.5], name="val/ap")
    figure.savefig(tmp_path / "response.png")
    assert figure.axes[0].get_xlabel() == "val/ap"
