"""The probe that the funnel has taught: what it learns, from whom, and where it does not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from leadrank.model import funnel_probe as module
from leadrank.model.crosses import NO_CROSSES
from leadrank.model.funnel_probe import Sides, fit_funnel_probe
from leadrank.model.probe import fit_probe
from leadrank.preference import Tier, preference_pairs, tier_sides

N, ORDERS = 1500, 12


def world(*, agrees: bool, seed: int = 0):
    """Many leads, few orders, and a stage that half the leads reach by the same traits or not.

    Thirty fields; an order's log-odds are their sum / 2, the stage's the same sum or another.
    """
    chance = np.random.default_rng(seed)
    fields = chance.normal(size=(3 * N, 30)).astype(np.float32)
    true = fields @ np.full(30, 0.5)
    others = true if agrees else fields @ (0.5 * (-1.0) ** np.arange(30))
    label = np.zeros(3 * N, np.float32)
    ordered = np.flatnonzero(chance.random(N) < 1 / (1 + np.exp(-true[:N])))
    label[ordered] = 1
    dropped = ordered[ORDERS:]
    stage = chance.random(3 * N) < 1 / (1 + np.exp(-others))
    test = np.arange(N, 3 * N)
    answer = chance.random(len(test)) < 1 / (1 + np.exp(-true[test]))
    train = np.setdiff1d(np.arange(N), dropped)
    return fields, label, stage, train, test, answer


def arguments(fields, label, train):
    text = np.zeros((len(train), 0), np.float32)
    ones = np.ones(len(train), np.float32)
    return text, fields[train], NO_CROSSES, label[train], ones, np.arange(len(train))


def taught_probe(*inputs, sides, **options):
    alone = fit_probe(*inputs, **options)
    return fit_funnel_probe(*inputs, sides=sides, alone=alone, **options)


def auc(score, label):
    gap = np.sign(score[label][:, None] - score[~label][None, :])
    return float((gap + 1).mean() / 2)


def fitted(agrees):
    fields, label, stage, train, test, answer = world(agrees=agrees)
    given_ = arguments(fields, label, train)
    sides = [Sides(stage[train], ~stage[train])]
    probes = fit_probe(*given_), taught_probe(*given_, sides=sides)
    none = np.zeros((len(test), 0), np.float32)
    return [auc(probe.score(none, fields[test]), answer) for probe in probes], probes


def test_a_tier_that_agrees_makes_up_for_missing_orders():
    (alone, taught), (_, probe) = fitted(agrees=True)
    assert np.isfinite(probe.penalties.tiers)
    assert taught > alone + 0.05


def test_a_tier_that_says_something_else_is_left_out():
    (alone, taught), _ = fitted(agrees=False)
    assert taught > alone - 0.01


@pytest.mark.parametrize("seed", range(5))
def test_a_handful_of_orders_does_not_throw_a_good_tier_away(seed):
    """They cannot tell, out of fold, whether it helps; it does."""
    fields, label, stage, train, test, answer = world(agrees=True, seed=seed)
    few = np.flatnonzero(label[train] == 1)[:5]
    train = np.delete(train, np.setdiff1d(np.flatnonzero(label[train] == 1), few))
    given_ = arguments(fields, label, train)
    none = np.zeros((len(test), 0), np.float32)
    alone = fit_probe(*given_)
    taught = taught_probe(*given_, sides=[Sides(stage[train], ~stage[train])])
    found, before = (auc(probe.score(none, fields[test]), answer) for probe in (taught, alone))
    assert np.isfinite(taught.penalties.tiers)
    assert found > 0.85
    assert found > before + 0.1


def test_the_labels_probe_is_taken_where_it_is_clearly_better(monkeypatch):
    """The verdict turned round: a good tier is left out whole."""
    fields, label, stage, train, *_ = world(agrees=True)
    given_ = arguments(fields, label, train)
    sides = [Sides(stage[train], ~stage[train])]
    verdicts = []

    def turned(one, other, lead):
        verdicts.append(module_verdict(one, other, lead))
        return not verdicts[-1]

    module_verdict = module._clearly_lower
    monkeypatch.setattr(module, "_clearly_lower", turned)
    probe = taught_probe(*given_, sides=sides)
    assert verdicts == [False]
    assert probe.penalties.tiers == np.inf
    np.testing.assert_array_equal(probe.weight, fit_probe(*given_).weight)


def test_one_order_makes_no_folds_and_so_no_tiers():
    fields, label, stage, train, *_ = world(agrees=True)
    ordered = np.flatnonzero(label[train] == 1)
    given_ = arguments(fields, label, train := np.delete(train, ordered[1:]))
    probe = taught_probe(*given_, sides=[Sides(stage[train], ~stage[train])])
    assert probe.penalties.tiers == np.inf
    np.testing.assert_array_equal(probe.weight, fit_probe(*given_).weight)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_clearly_lower_is_by_more_than_a_standard_error_over_leads(data):
    n = data.draw(st.integers(2, 15))
    one, other = (
        np.array(data.draw(st.lists(st.floats(0, 9), min_size=n, max_size=n))) for _ in range(2)
    )
    lead = np.array(data.draw(st.lists(st.integers(3, 7), min_size=n, max_size=n)))
    gains = [sum((other - one)[lead == each]) for each in set(lead.tolist())]
    mean = sum(gains) / len(gains)
    error = (sum((gain - mean) ** 2 for gain in gains) / len(gains)) ** 0.5 * len(gains) ** 0.5
    if abs(sum(gains) - error) > 1e-9:
        assert module._clearly_lower(one, other, lead) == (sum(gains) > error)


def test_the_weights_are_its_own_and_the_tiers_by_their_share(monkeypatch):
    """Score = own score + beta (tier's score - mean) / scale, with all from the parts."""
    fields, label, stage, train, *_ = world(agrees=True)
    seen = {}

    def keep(name, function):
        def kept(*given_, **options):
            seen.setdefault(name, []).append((given_, found := function(*given_, **options)))
            return found

        monkeypatch.setattr(module, name, kept)

    keep("fit_blocks", module.fit_blocks)
    keep("_learn", module._learn)
    text, *rest = arguments(fields, label, train)
    probe = taught_probe(text, *rest, sides=[Sides(stage[train], ~stage[train])])
    (_, lesson), (_, last) = seen["_learn"][0], seen["fit_blocks"][-1]
    tier = fields[train] @ lesson.fitted.weights[0] + lesson.fitted.bias
    own = fields[train] @ last.weights[0] + last.bias
    expected = own + last.weights[-1][0] * (tier - lesson.mean) / lesson.scale
    np.testing.assert_allclose(probe.score(text, fields[train]), expected, atol=1e-4)


def test_no_row_is_scored_by_a_model_that_saw_its_lead():
    """Noise: of an ordering lead's five rows four won and one ordered; no input says which."""
    chance = np.random.default_rng(0)
    fields = np.repeat(chance.normal(size=(200, 40)), 5, axis=0).astype(np.float32)
    lead = np.repeat(np.arange(200), 5)
    ordered = np.zeros(1000, bool)
    ordered[np.arange(0, 500, 5)] = True
    wins = (lead < 100) & ~ordered
    inputs = module.Inputs.of(fields[:, :0], fields, NO_CROSSES, None, read_text=True)
    lesson = module._learn(inputs, Sides(wins, (lead >= 100)), np.ones(1000), lead)
    known = fields @ lesson.fitted.weights[0]
    assert auc(known, ordered) > 0.65  # so it would show
    assert auc(lesson.taught, ordered) < 0.58
    assert auc(lesson.taught, wins) < 0.58


def test_a_tier_upside_down_is_left_out_and_a_good_one_beside_it_stays():
    fields, label, stage, train, test, answer = world(agrees=True)
    given_, deep = arguments(fields, label, train), stage[train]
    good, turned = Sides(deep, ~deep), Sides(~deep, deep)
    none = np.zeros((len(test), 0), np.float32)
    alone = fit_probe(*given_)
    upside = taught_probe(*given_, sides=[turned])
    assert upside.penalties.tiers == np.inf
    np.testing.assert_array_equal(upside.weight, alone.weight)
    both, only = (taught_probe(*given_, sides=tiers) for tiers in ([good, turned], [good]))
    found, expected = (auc(probe.score(none, fields[test]), answer) for probe in (both, only))
    assert found > expected - 0.01


def test_rows_that_ordered_teach_no_tier():
    fields, label, stage, train, *_ = world(agrees=True)
    given_ = arguments(fields, label, train)
    ordered = label[train] == 1
    one, other = (
        taught_probe(*given_, sides=[Sides(stage[train] | add, ~stage[train])])
        for add in (np.zeros_like(ordered), ordered)
    )
    np.testing.assert_array_equal(one.weight, other.weight)


@pytest.mark.parametrize("leads", [0, module.LEAST_LEADS - 1])
def test_a_tier_of_few_leads_teaches_nothing(leads):
    """However many rows these leads have."""
    fields, label, _, train, *_ = world(agrees=True)
    text, fields, crosses, label, ones, lead = arguments(fields, label, train)
    wins = np.zeros(len(train), bool)
    wins[np.flatnonzero(label == 0)[: 20 * leads]] = True
    lead[wins] = -1 - np.arange(wins.sum()) % max(leads, 1)
    given_ = text, fields, crosses, label, ones, lead
    alone, taught = fit_probe(*given_), taught_probe(*given_, sides=[Sides(wins, ~wins)])
    for name, value in vars(alone).items():
        np.testing.assert_array_equal(getattr(taught, name), value)


def test_text_products_and_words_are_taught_too():
    """Every block of inputs: scores stay those of the parts where all four are there."""
    chance = np.random.default_rng(1)
    fields = chance.normal(size=(400, 2)).astype(np.float32)
    text = chance.normal(3, 2, size=(400, 4)).astype(np.float32)
    words = csr_matrix((chance.random((400, 6)) < 0.3).astype(np.float32))
    true = fields[:, 0] + (text[:, 0] - 3) / 2 + 2 * words[:, [0]].toarray()[:, 0] - 1
    stage = chance.random(400) < 1 / (1 + np.exp(-3 * true))
    label = (chance.random(400) < 0.3 / (1 + np.exp(-true))).astype(np.float32)
    given_ = text, fields, np.array([[0, 1]]), label, np.ones(400), np.arange(400)
    probe = taught_probe(*given_, sides=[Sides(stage, ~stage)], ngrams=words)
    assert np.isfinite(probe.penalties.tiers)
    scores = probe.score(text, fields, words)
    assert auc(scores, stage) > 0.8
    assert probe.ngram_weight[0] > 0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_sides_are_those_of_the_pairs(data):
    """A row of a pair is on its side; and where a side has rows of other leads, in a pair."""
    n = data.draw(st.integers(2, 12))
    numbers = data.draw(st.lists(st.integers(0, 2**16), min_size=4 * n, max_size=4 * n))
    draws = torch.tensor(numbers).reshape(4, n)
    stage, known, lost = draws[0] % 3, draws[1] % 4 > 0, draws[2] % 2 > 0
    signal = (draws[3] % 10).float()[:, None]
    tiers = (
        Tier("key", (1,), (0,)),
        Tier("deep", (2,), (0, 1), loser_lost=True),
        Tier("global", (2,), (0, 1), loser_unknown=True),
        Tier("soft", (0, 1), signal=0, threshold=5.0),
    )
    told = {"signal": signal, "signal_known": torch.ones(n, 1, dtype=torch.bool)}
    mature, lead = torch.ones(n, dtype=torch.bool), torch.arange(n)
    pairs = preference_pairs(stage, known, lost, mature, lead, tiers=tiers, **told)
    sides = tier_sides(stage, known, lost, tiers=tiers, **told)
    for index, (wins, loses) in enumerate(sides):
        mine = pairs.tier == index
        assert wins[pairs.winner[mine]].all()
        assert loses[pairs.loser[mine]].all()
        if tiers[index].signal is None:
            assert mine.sum() == wins.sum() * loses.sum()
