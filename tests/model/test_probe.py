"""The probe against a direct fit of its penalised likelihood."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from leadrank.model import probe as probe_module
from leadrank.model.probe import _fit, _folds, fit_probe

ROWS, TEXT, FIELDS = 120, 4, 2


def problem(seed=0, rows=ROWS):
    chance = np.random.default_rng(seed)
    text = chance.normal(size=(rows, TEXT))
    fields = chance.random((rows, FIELDS))
    logit = text[:, 0] - text[:, 1] + 2 * fields[:, 0] - 1.5
    label = (chance.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    return text, fields, label, chance.integers(1, 4, rows).astype(np.float64)


def direct_fit(text, fields, label, weight, text_penalty, field_penalty):
    """min sum w log(1 + exp(-+s)) + (text_penalty |v|^2 + field_penalty |u|^2) / 2."""
    x = np.hstack([text, fields])
    penalty = np.repeat([text_penalty, field_penalty], [text.shape[1], fields.shape[1]])

    def loss(theta):
        w, b = theta[:-1], theta[-1]
        s = x @ w + b
        slope = weight * (1 / (1 + np.exp(-s)) - label)
        value = (weight * (np.logaddexp(0, s) - label * s)).sum() + (penalty * w**2).sum() / 2
        return value, np.append(x.T @ slope + penalty * w, slope.sum())

    start = np.zeros(x.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-14})
    return found.x[:-1], found.x[-1]


def one_penalty(monkeypatch, text, field):
    monkeypatch.setattr(probe_module, "TEXT_PENALTIES", (text,))
    monkeypatch.setattr(probe_module, "FIELD_PENALTIES", (field,))


@pytest.mark.parametrize("penalties", [(10.0, 1.0), (1.0, 10.0), (50.0, 50.0)])
def test_each_block_has_its_own_penalty(monkeypatch, penalties):
    one_penalty(monkeypatch, *penalties)
    text, fields, label, weight = problem()
    found = fit_probe(text, fields, label, weight, np.arange(ROWS))
    scaled = (text - text.mean(0)) / text.std(0)
    w, b = direct_fit(scaled, fields, label, weight / weight.mean(), *penalties)
    np.testing.assert_allclose(found.weight, w, atol=2e-3)
    assert found.bias == pytest.approx(b, abs=2e-3)
    expected = np.hstack([scaled, fields]) @ w + b
    np.testing.assert_allclose(found.score(text, fields), expected, atol=5e-3)


def test_equal_penalties_are_those_of_scikit_learn():
    text, fields, label, weight = problem()
    w, b = _fit(text, fields, label, weight, 4.0, 4.0)
    other = LogisticRegression(C=1 / 4.0, tol=1e-8, max_iter=1000)
    other.fit(np.hstack([text, fields]), label, sample_weight=weight)
    np.testing.assert_allclose(w, other.coef_[0], atol=1e-2)
    assert b == pytest.approx(other.intercept_[0], abs=1e-2)


def test_a_weight_of_three_is_three_rows():
    text, fields, label, weight = problem()
    again = np.repeat(np.arange(ROWS), weight.astype(int))
    ones = np.ones(len(again))
    w, b = _fit(text, fields, label, weight, 5.0, 2.0)
    w3, b3 = _fit(text[again], fields[again], label[again], ones, 5.0, 2.0)
    np.testing.assert_allclose(w, w3, atol=2e-3)
    assert b == pytest.approx(b3, abs=2e-3)


def test_the_unit_of_the_weights_does_not_matter():
    text, fields, label, weight = problem()
    one, other = (
        fit_probe(text, fields, label, weight * scale, np.arange(ROWS)) for scale in (1, 1000)
    )
    np.testing.assert_allclose(one.weight, other.weight, atol=1e-6)
    assert one.text_penalty == other.text_penalty


def test_the_penalty_that_holds_out_best_is_chosen(monkeypatch):
    """Text that decides wants the weak one; pure noise wants the strong one, or none of it."""
    monkeypatch.setattr(probe_module, "TEXT_PENALTIES", (0.1, 1e4))
    text, fields, label, _ = problem()
    noise = np.random.default_rng(1).normal(size=(ROWS, 60))
    ones, lead = np.ones(ROWS), np.arange(ROWS)
    assert fit_probe(noise, fields, label, ones, lead).text_penalty >= 1e4
    assert fit_probe(text, fields, label, ones, lead).text_penalty == 0.1


def test_an_infinite_penalty_leaves_the_text_out():
    text, fields, label, weight = problem()
    w, b = _fit(text, fields, label, weight, np.inf, 2.0)
    without, b_without = _fit(text[:, :0], fields, label, weight, np.inf, 2.0)
    np.testing.assert_allclose(w, [*np.zeros(TEXT), *without], atol=1e-6)
    assert b == pytest.approx(b_without, abs=1e-6)


def test_a_leads_rows_stay_in_one_fold():
    label = np.random.default_rng(0).integers(0, 2, 90).astype(float)
    lead = np.repeat(np.arange(30), 3)
    folds = _folds(label, lead)
    assert len(folds) == 5
    for fit, held in folds:
        assert not set(lead[fit]) & set(lead[held])


def test_a_constant_feature_has_no_say():
    text, fields, label, weight = problem()
    constant = np.hstack([text, np.full((ROWS, 1), 7.3)]).astype(np.float32)
    lead = np.arange(ROWS)
    found = fit_probe(constant, fields, label, weight, lead)
    without = fit_probe(text.astype(np.float32), fields, label, weight, lead)
    assert np.isfinite(found.weight).all()
    np.testing.assert_allclose(
        found.score(constant, fields), without.score(text, fields), atol=1e-2
    )


@pytest.mark.parametrize("absent", ["text", "fields"])
def test_a_block_without_columns_is_left_out(absent):
    text, fields, label, weight = problem()
    blocks = {"text": text, "fields": fields}
    blocks[absent] = blocks[absent][:, :0]
    found = fit_probe(*blocks.values(), label, weight, np.arange(ROWS))
    assert len(found.weight) == blocks["text"].shape[1] + blocks["fields"].shape[1]
    assert getattr(found, "text_penalty" if absent == "text" else "field_penalty") == np.inf


def test_without_any_column_every_score_is_the_weighted_log_odds():
    text, fields, label, weight = problem()
    found = fit_probe(text[:, :0], fields[:, :0], label, weight, np.arange(ROWS))
    rate = np.average(label, weights=weight)
    expected = np.log(rate / (1 - rate))
    np.testing.assert_allclose(found.score(text[:, :0], fields[:, :0]), expected, atol=1e-4)


def test_two_orders_are_enough():
    text, fields, label, weight = problem()
    label[:] = 0
    label[:2] = 1
    assert np.isfinite(fit_probe(text, fields, label, weight, np.arange(ROWS)).weight).all()


def test_labels_all_the_same_are_refused():
    text, fields, label, weight = problem()
    with pytest.raises(ValueError, match="both orders and non-orders"):
        fit_probe(text, fields, label * 0, weight, np.arange(ROWS))
