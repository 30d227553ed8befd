"""The probe against a direct fit of its penalised likelihood."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from leadrank.model import probe as probe_module
from leadrank.model.crosses import NO_CROSSES
from leadrank.model.probe import _search, fit_penalised, fit_probe, lead_folds

ROWS, TEXT, FIELDS = 120, 4, 2


def problem(seed=0, rows=ROWS):
    chance = np.random.default_rng(seed)
    text = chance.normal(size=(rows, TEXT))
    fields = chance.random((rows, FIELDS))
    logit = text[:, 0] - text[:, 1] + 2 * fields[:, 0] - 1.5
    label = (chance.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    return text, fields, label, chance.integers(1, 4, rows).astype(np.float64)


def direct_fit(blocks, label, weight, penalties):
    """min sum w log(1 + exp(-+s)) + sum over blocks of penalty |v|^2 / 2."""
    x = np.hstack(blocks)
    penalty = np.repeat(penalties, [block.shape[1] for block in blocks])

    def loss(theta):
        w, b = theta[:-1], theta[-1]
        s = x @ w + b
        slope = weight * (1 / (1 + np.exp(-s)) - label)
        value = (weight * (np.logaddexp(0, s) - label * s)).sum() + (penalty * w**2).sum() / 2
        return value, np.append(x.T @ slope + penalty * w, slope.sum())

    start = np.zeros(x.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-14})
    return found.x[:-1], found.x[-1]


def probe_of(text, fields, label, weight, crosses=NO_CROSSES, **how):
    return fit_probe(text, fields, crosses, label, weight, np.arange(len(label)), **how)


def one_penalty(monkeypatch, *penalties):
    names = ("FIELD", "CROSS", "TEXT", "NGRAM")
    for name, penalty in zip(names, penalties, strict=True):
        monkeypatch.setattr(probe_module, f"{name}_PENALTIES", (penalty, penalty))


@pytest.mark.parametrize(
    "penalties", [(1.0, 5.0, 10.0, 2.0), (10.0, 1.0, 5.0, 30.0), (50.0,) * 4]
)
def test_each_block_has_its_own_penalty(monkeypatch, penalties):
    one_penalty(monkeypatch, *penalties)
    text, fields, label, weight = problem()
    ngrams = csr_matrix(np.random.default_rng(5).integers(0, 2, (ROWS, 3)).astype(np.float32))
    found = probe_of(text, fields, label, weight, np.array([[0, 1]]), ngrams=ngrams)
    scaled = (text - text.mean(0)) / text.std(0)
    product = fields[:, :1] * fields[:, 1:]
    blocks = [fields, product, scaled, ngrams.toarray()]
    w, b = direct_fit(blocks, label, weight / weight.mean(), penalties)
    np.testing.assert_allclose([*found.weight, *found.ngram_weight], w, atol=2e-3)
    assert found.bias == pytest.approx(b, abs=2e-3)
    expected = np.hstack(blocks) @ w + b
    np.testing.assert_allclose(found.score(text, fields, ngrams), expected, atol=5e-3)


def test_a_probe_says_whether_any_text_changes_its_score(monkeypatch):
    text, fields, label, weight = problem()
    ngrams = csr_matrix(np.random.default_rng(5).integers(0, 2, (ROWS, 3)).astype(np.float32))
    for penalties, reads in (
        ((1.0, 1.0, 1.0, np.inf), True),
        ((1.0, 1.0, np.inf, 1.0), True),
        ((1.0, 1.0, np.inf, np.inf), False),
    ):
        one_penalty(monkeypatch, *penalties)
        found = probe_of(text, fields, label, weight, ngrams=ngrams)
        assert found.reads_text == reads
        same = found.score(text, fields, ngrams) == found.score(-text, fields, 0 * ngrams)
        assert same.all() != reads


def test_equal_penalties_are_those_of_scikit_learn():
    text, fields, label, weight = problem()
    w, b = fit_penalised([fields, fields[:, :0], text], label, weight, (4.0, np.inf, 4.0))
    other = LogisticRegression(C=1 / 4.0, tol=1e-8, max_iter=1000)
    other.fit(np.hstack([fields, text]), label, sample_weight=weight)
    np.testing.assert_allclose(np.concatenate(w), other.coef_[0], atol=1e-2)
    assert b == pytest.approx(other.intercept_[0], abs=1e-2)


def test_a_weight_of_three_is_three_rows():
    text, fields, label, weight = problem()
    again = np.repeat(np.arange(ROWS), weight.astype(int))
    blocks, penalties = [fields, fields[:, :0], text], (2.0, np.inf, 5.0)
    w, b = fit_penalised(blocks, label, weight, penalties)
    repeated = [block[again] for block in blocks]
    w3, b3 = fit_penalised(repeated, label[again], np.ones(len(again)), penalties)
    np.testing.assert_allclose(np.concatenate(w), np.concatenate(w3), atol=2e-3)
    assert b == pytest.approx(b3, abs=2e-3)


def test_the_unit_of_the_weights_does_not_matter():
    text, fields, label, weight = problem()
    one, other = (probe_of(text, fields, label, weight * scale) for scale in (1, 1000))
    np.testing.assert_allclose(one.weight, other.weight, atol=1e-6)
    assert one.penalties.text == other.penalties.text


def test_the_penalty_that_holds_out_best_is_chosen(monkeypatch):
    """Text that decides wants the weak one; pure noise wants the strong one, or none of it."""
    monkeypatch.setattr(probe_module, "TEXT_PENALTIES", (0.1, 1e4, np.inf))
    text, fields, label, _ = problem()
    noise = np.random.default_rng(1).normal(size=(ROWS, 60))
    ones = np.ones(ROWS)
    assert probe_of(noise, fields, label, ones).penalties.text >= 1e4
    assert probe_of(text, fields, label, ones).penalties.text == 0.1


def test_products_are_read_where_the_outcome_needs_them(monkeypatch):
    """Orders are where exactly one of two fields is set: no sum of the two can say that."""
    monkeypatch.setattr(probe_module, "CROSS_PENALTIES", (1.0, np.inf))
    chance = np.random.default_rng(0)
    fields = chance.integers(0, 2, (400, 2)).astype(np.float32)
    label = (fields.sum(1) == 1).astype(np.float64)
    text, weight = np.zeros((400, 0), np.float32), np.ones(400)
    both = np.array([[0, 1]])
    with_products = probe_of(text, fields, label, weight, both)
    assert with_products.penalties.products == 1.0
    score = with_products.score(text, fields)
    assert score[label == 1].min() > score[label == 0].max()
    unrelated = chance.integers(0, 2, 400).astype(np.float64)
    assert probe_of(text, fields, unrelated, weight, both).penalties.products == np.inf


def test_text_can_be_left_out_from_the_start_but_not_where_it_is_all_there_is():
    text, fields, label, weight = problem()
    found = probe_of(text, fields, label, weight, read_text=False)
    assert found.penalties.text == np.inf
    assert not found.weight[-TEXT:].any()
    alone = probe_of(text, fields[:, :0], label, weight, read_text=False)
    assert alone.penalties.text < np.inf


def test_the_search_ends_where_no_single_change_is_better():
    """(f - 2)^2 + (c - f)^2 / 2 + (t - c)^2 / 4: (3, 3, 3), (2, 2, 3), then (2, 2, 2)."""
    choices = dict.fromkeys(("fields", "products", "text"), (1.0, 2.0, 3.0)) | {
        "ngrams": (0.0,), "tiers": (0.0,),
    }  # fmt: skip
    asked = []

    def loss(tried):
        asked.append(tried)
        f, c, t, *_ = tried
        return (f - 2) ** 2 + 0.5 * (c - f) ** 2 + 0.25 * (t - c) ** 2

    assert _search(loss, choices) == (2.0, 2.0, 2.0, 0.0, 0.0)
    assert len(asked) == len(set(asked)) < 27


def test_an_infinite_penalty_leaves_the_text_out():
    text, fields, label, weight = problem()
    none = fields[:, :0]
    w, b = fit_penalised([fields, none, text], label, weight, (2.0, np.inf, np.inf))
    without, b_without = fit_penalised(
        [fields, none, none], label, weight, (2.0, np.inf, np.inf)
    )
    np.testing.assert_array_equal(w[0], without[0])
    assert not w[2].any()
    assert b == b_without


def test_a_leads_rows_stay_in_one_fold():
    label = np.random.default_rng(0).integers(0, 2, 90).astype(float)
    lead = np.repeat(np.arange(30), 3)
    folds = lead_folds(label, lead)
    assert len(folds) == 5
    for fit, held in folds:
        assert not set(lead[fit]) & set(lead[held])


def test_a_constant_feature_has_no_say():
    text, fields, label, weight = problem()
    constant = np.hstack([text, np.full((ROWS, 1), 7.3)]).astype(np.float32)
    found = probe_of(constant, fields, label, weight)
    without = probe_of(text.astype(np.float32), fields, label, weight)
    assert np.isfinite(found.weight).all()
    np.testing.assert_allclose(
        found.score(constant, fields), without.score(text, fields), atol=1e-2
    )


@pytest.mark.parametrize("absent", ["text", "fields"])
def test_a_block_without_columns_is_left_out(absent):
    text, fields, label, weight = problem()
    blocks = {"text": text, "fields": fields}
    blocks[absent] = blocks[absent][:, :0]
    found = probe_of(*blocks.values(), label, weight)
    assert len(found.weight) == blocks["text"].shape[1] + blocks["fields"].shape[1]
    assert getattr(found.penalties, absent) == np.inf


def test_without_any_column_every_score_is_the_weighted_log_odds():
    text, fields, label, weight = problem()
    found = probe_of(text[:, :0], fields[:, :0], label, weight)
    rate = np.average(label, weights=weight)
    expected = np.log(rate / (1 - rate))
    np.testing.assert_allclose(found.score(text[:, :0], fields[:, :0]), expected, atol=1e-4)


def test_two_orders_are_enough():
    text, fields, label, weight = problem()
    label[:] = 0
    label[:2] = 1
    assert np.isfinite(probe_of(text, fields, label, weight).weight).all()


def test_labels_all_the_same_are_refused():
    text, fields, label, weight = problem()
    with pytest.raises(ValueError, match="both orders and non-orders"):
        probe_of(text, fields, label * 0, weight)
