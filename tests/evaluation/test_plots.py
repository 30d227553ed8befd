import numpy as np
from matplotlib.figure import Figure

from leadrank.evaluation.page import inline_svg
from leadrank.evaluation.plots import (
    calibration_curve,
    gain,
    gain_curve,
    reliability,
    scores_by_stage,
)

RNG = np.random.default_rng(0)
LABEL = (RNG.random(500) < 0.1).astype(float)
WEIGHT = np.where(LABEL == 1, 1.0, 5.0)
SCORE = LABEL + RNG.normal(size=500)


def lines(figure: Figure) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {str(line.get_label()): line.get_data() for line in figure.axes[0].lines}


def test_gain_is_cumulative_by_falling_score() -> None:
    """Weights 1, 1, 2; the order (weight 1) is second: after half the weight all is found."""
    called, found = gain(
        np.array([0.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0]), np.array([3.0, 2.0, 1.0])
    )
    np.testing.assert_allclose(called, [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(found, [0, 0, 1, 1])


def test_tied_scores_make_one_straight_line() -> None:
    called, found = gain(np.array([1.0, 0.0, 1.0]), np.ones(3), np.zeros(3))
    np.testing.assert_allclose(called, [0, 1])
    np.testing.assert_allclose(found, [0, 1])


def test_the_gain_figure_has_all_systems_perfect_and_random() -> None:
    drawn = lines(gain_curve(LABEL, WEIGHT, {"a": SCORE, "b": -SCORE}))
    assert list(drawn) == ["perfect", "a", "b", "random"]
    base = np.average(LABEL, weights=WEIGHT)
    np.testing.assert_allclose(drawn["perfect"][0], [0, base, 1])


def test_a_curve_is_thinned() -> None:
    score = RNG.normal(size=50_000)
    label = (RNG.random(50_000) < 0.1).astype(float)
    drawn = lines(gain_curve(label, np.ones(50_000), {"a": score}))
    assert len(drawn["a"][0]) < 200


def test_reliability_bins_have_equal_weight() -> None:
    """30 rows of weight 1 in 15 bins: two rows each, means of neighbours."""
    probability = np.arange(30) / 30
    predicted, observed = reliability(np.tile([0.0, 1.0], 15), np.ones(30), probability)
    np.testing.assert_allclose(predicted, (np.arange(15) * 2 + 0.5) / 30)
    np.testing.assert_allclose(observed, 0.5)


def test_reliability_is_weighted() -> None:
    predicted, observed = reliability(
        np.array([1.0, 0.0]), np.array([1.0, 3.0]), np.array([0.4, 0.4])
    )
    np.testing.assert_allclose(np.average(observed, weights=[1, 3]), 0.25)
    np.testing.assert_allclose(predicted, 0.4)


def test_one_ridge_per_stage_that_occurs() -> None:
    stage = [0, 2, None] * 100
    figure = scores_by_stage(SCORE[:300], WEIGHT[:300], stage, ("contact", "drive", "order"))
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == ["contact\n(100 rows)", "order\n(100 rows)"]


def test_constant_scores_can_be_drawn() -> None:
    figure = scores_by_stage(np.zeros(4), np.ones(4), [0, 0, 1, 1], ("a", "b"))
    assert "<svg" in inline_svg(figure, "constant")


def test_svg_is_small_deterministic_and_without_addresses() -> None:
    probability = 1 / (1 + np.exp(-SCORE))
    one, two = (
        inline_svg(calibration_curve(LABEL, WEIGHT, SCORE, probability), "c") for _ in range(2)
    )
    assert one == two
    assert len(one) < 40_000
    assert "http" not in one
    assert "var(--ink)" in one


def test_the_label_of_a_figure_is_escaped() -> None:
    figure = scores_by_stage(SCORE, WEIGHT, [0] * 500, ("<b>&",))
    drawn = inline_svg(figure, '"><script>')
    assert "<script>" not in drawn
    assert "<b>" not in drawn
