from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from leadrank.errors import UserError
from leadrank.scoring.calibration import Calibration, fit_calibration


def drawn(
    n: int, slope: float, intercept: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.normal(3.0, 2.0, n)
    return score, (rng.random(n) < expit(slope * score + intercept)).astype(int)


class GivenScore(ClassifierMixin, BaseEstimator):
    """A classifier whose decision is its only column: what scikit-learn calibrates."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> "GivenScore":
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return (x[:, 0] > 0).astype(int)


def sklearn_probability(
    score: np.ndarray, label: np.ndarray, weight: np.ndarray | None
) -> np.ndarray:
    model = FrozenEstimator(GivenScore().fit(score[:, None], label))
    model = CalibratedClassifierCV(model, method="sigmoid", ensemble=False)
    model.fit(score[:, None], label, sample_weight=weight)
    return np.mean(
        [c.predict_proba(score[:, None])[:, 1] for c in model.calibrated_classifiers_], 0
    )


def test_recovers_a_known_slope_and_intercept() -> None:
    score, label = drawn(200_000, slope=0.7, intercept=-4.0)
    fit = fit_calibration(score, label)
    assert fit.slope == pytest.approx(0.7, abs=0.02)
    assert fit.intercept == pytest.approx(-4.0, abs=0.1)


# scikit-learn warns that a frozen classifier was fitted without weights, which is the point.
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear:UserWarning")
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(weighted: bool) -> None:
    score, label = drawn(400, slope=0.8, intercept=-3.0)
    weight = np.where(label == 1, 1.0, 12.5) if weighted else None
    ours = fit_calibration(score, label, weight).probability(score)
    np.testing.assert_allclose(ours, sklearn_probability(score, label, weight), rtol=2e-3)


def test_weights_stand_for_repeated_rows() -> None:
    score, label = drawn(300, slope=1.0, intercept=-3.0)
    weight = np.where(label == 1, 1, 3)
    once = fit_calibration(score, label, weight)
    repeated = fit_calibration(np.repeat(score, weight), np.repeat(label, weight))
    assert once.slope == pytest.approx(repeated.slope, rel=1e-5)
    assert once.intercept == pytest.approx(repeated.intercept, rel=1e-5)


def test_undoes_the_oversampling_of_orders() -> None:
    score, label = drawn(40_000, slope=1.0, intercept=-6.0)
    rng = np.random.default_rng(1)
    kept = (label == 1) | (rng.random(len(label)) < 0.1)
    weight = np.where(label[kept] == 1, 1.0, 10.0)
    probability = fit_calibration(score[kept], label[kept], weight).probability(score)
    assert probability.mean() == pytest.approx(label.mean(), rel=0.05)


def test_smoothing_keeps_a_perfect_separation_uncertain() -> None:
    """Two orders and two others: the targets are 3/4 and 1/4, met exactly by two scores."""
    fit = fit_calibration([1.0, 1.0, -1.0, -1.0], [1, 1, 0, 0])
    np.testing.assert_allclose(fit.probability([1.0, -1.0]), [0.75, 0.25], atol=1e-5)


def test_a_score_that_points_the_wrong_way_gets_slope_zero() -> None:
    fit = fit_calibration([0.0, 1.0, 2.0, 3.0], [1, 1, 0, 0])
    assert fit.slope == 0.0
    np.testing.assert_allclose(fit.probability([0.0, 9.0]), [0.5, 0.5], atol=1e-6)


def test_a_constant_score_gives_the_smoothed_base_rate() -> None:
    """Targets 2/3 (1 order) and 1/5 (3 others): mean (2/3 + 3/5) / 4 = 19/60."""
    fit = fit_calibration([2.0] * 4, [1, 0, 0, 0])
    assert fit.probability([2.0])[0] == pytest.approx(19 / 60)


def test_the_scale_of_the_score_does_not_matter() -> None:
    score, label = drawn(500, slope=0.8, intercept=-3.0)
    far = 1e4 * score - 3e6
    expected = fit_calibration(score, label).probability(score)
    np.testing.assert_allclose(
        fit_calibration(far, label).probability(far), expected, atol=1e-6
    )


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    calibration = Calibration(0.123456789012345678, -4.5)
    calibration.save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json") == calibration


def test_another_file_is_not_a_calibration(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"slope": 1}')
    with pytest.raises(ValueError, match="is not a calibration"):
        Calibration.load(tmp_path / "c.json")


def test_one_class_only_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="0 orders in 2 rows"):
        fit_calibration([0.0, 1.0], [0, 0])


def test_a_negative_slope_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="slope >= 0"):
        Calibration(-1.0, 0.0)


def test_a_nan_score_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_calibration([0.0, float("nan")], [0, 1])
