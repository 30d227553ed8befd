"""Pictures of the funnel, of pairs and of score gaps."""

import io

import numpy as np
import torch
from matplotlib.collections import LineCollection
from numpy.testing import assert_allclose

from leadrank.evaluation.pair_plots import funnel_figure, gaps_figure, pairs_figure
from leadrank.preference import Pairs, Tier

STAGES = ("lead", "drive", "order")


def test_the_funnel_has_a_bar_per_stage_and_the_lost_in_it():
    (axis,) = funnel_figure([0, 0, 0, 2], [True, True, False, False], STAGES).axes
    rows, lost = axis.containers
    assert [bar.get_width() for bar in rows] == [3, 0, 1]
    assert [bar.get_width() for bar in lost] == [2, 0, 0]
    assert [t.get_text() for t in axis.get_yticklabels()] == [
        "lead (3)",
        "drive (0)",
        "order (1)",
    ]


def test_a_panel_per_tier_and_a_line_per_pair():
    stage = torch.tensor([2, 0, 0, 1])
    tiers = [Tier("deep", (2,), (0,)), Tier("none", (2,), (1,))]
    sides = (torch.tensor(side) for side in ([0, 0], [1, 2], [0, 0]))
    pairs = Pairs(*sides, torch.tensor([1.0, 2.0]), torch.ones(2))
    figure = pairs_figure(stage, pairs, tiers, STAGES)
    deep, none = figure.axes
    assert deep.get_title() == "deep: 2 pairs\nmargin 1, 2"
    assert none.get_title() == "none: 0 pairs\nmargin -"
    (lines,) = (c for c in deep.collections if isinstance(c, LineCollection))
    # From a lead's height (0) to the order's (2), give or take the wave.
    assert_allclose(
        [path.vertices[:, 1] for path in lines.get_paths()], [[0, 2]] * 2, atol=0.13
    )
    assert len(deep.lines[0].get_xdata()) == 4
    figure.savefig(io.BytesIO())


def test_gaps_are_densities_on_the_same_bins():
    gaps = {"a": np.array([0.0, 1.0]), "b": torch.tensor([1.0, 2.0, 4.0])}
    figure = gaps_figure(gaps)
    a, b = (patch.get_data() for patch in figure.axes[0].patches)
    assert_allclose(a.edges, b.edges)
    assert (a.edges[0], a.edges[-1]) == (0.0, 4.0)
    for one in (a, b):
        assert_allclose((one.values * np.diff(one.edges)).sum(), 1.0)
    figure.savefig(io.BytesIO())
