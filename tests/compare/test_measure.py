"""Figures over seeds and paired differences, against the one-score functions and by hand."""

import numpy as np
import polars as pl
import pytest
import torch
from compared import result
from scipy.stats import norm

from leadrank.compare.measure import PRIMARY, measure, paired, pooled
from leadrank.compare.tables import markdown
from leadrank.evaluation.verdict import paired_differences
from leadrank.preference import bootstrap_intervals, ranking_metrics

N = 60
LABEL = np.arange(N) % 2
#: Three rows a lead, as snapshots are; they are drawn together.
LEADS = {"lead_id": [f"lead {row // 3}" for row in range(N)]}


def noisy(signal, seed=0):
    return np.float32(signal * LABEL + np.random.default_rng(seed).normal(size=N))


def test_one_seed_is_measured_as_a_single_score_is():
    one = result("one", noisy(1.0), weight=[1.0, 2.0] * (N // 2), **LEADS)
    found = measure(one, draws=50)
    columns = {
        name: torch.from_numpy(one.scores[name].cast(pl.Float64).to_numpy().copy())
        for name in ("score", "label", "weight", "probability")
    }
    stage = {"stage": torch.from_numpy(2 * LABEL), "stage_known": torch.ones(N, dtype=bool)}
    expected = ranking_metrics(**columns, **stage)
    assert found.figures["auc"] == expected["auc"]
    assert found.figures["ece"] == expected["ece"]
    assert found.few_hits == expected["few_hits"]
    lead = torch.arange(N) // 3
    # Names sort as the numbers do not, but a draw is a draw.
    lead = torch.from_numpy(
        one.scores["lead_id"].rank("dense").cast(pl.Int64).to_numpy().copy()
    )
    intervals = bootstrap_intervals(**columns, **stage, lead=lead, draws=50)
    low, high = intervals.pop("ece")
    ece = found.figures["ece"]
    assert found.interval("ece") == pytest.approx((max(0, 2 * ece - high), 2 * ece - low))
    for name, interval in intervals.items():
        assert found.interval(name) == pytest.approx(interval, abs=1e-12, nan_ok=True), name
    assert np.isnan(found.seed_sd["auc"])


def test_paired_differences_are_those_of_evaluation():
    a, b = result("a", noisy(1.0), **LEADS), result("b", noisy(0.3, seed=1), **LEADS)
    measured = [measure(one) for one in (a, b)]
    expected = paired_differences(a.scores, {"b": b.scores["score"]})["b"]
    for pair in paired(measured, measured[1]):
        assert [pair.difference, pair.low, pair.high] == pytest.approx(
            expected[pair.figure], abs=1e-12
        )


def test_seeds_are_averaged_and_draws_are_shared():
    seeds = [noisy(1.0, seed) for seed in range(3)]
    together = measure(result("all", *seeds), draws=40)
    alone = [measure(result("one", seed), draws=40) for seed in seeds]
    for name in PRIMARY:
        values = [one.figures[name] for one in alone]
        assert together.figures[name] == pytest.approx(np.mean(values))
        assert together.seed_sd[name] == pytest.approx(np.std(values, ddof=1))
        mean = np.mean([one.draws[name] for one in alone], axis=0)
        np.testing.assert_allclose(together.draws[name], mean)


def test_holm_and_the_smallest_difference_that_would_be_seen():
    measured = [measure(result(str(s), noisy(s / 2, 5)), draws=200) for s in range(4)]
    pairs = paired(measured, measured[0])
    raw = [2 * norm.sf(abs(pair.difference) / pair.error) for pair in pairs]
    highest, expected = 0.0, {}
    for rank, k in enumerate(np.argsort(raw)):
        highest = expected[k] = max(highest, min(1.0, raw[k] * (len(raw) - rank)))
    assert [pair.p for pair in pairs] == pytest.approx([expected[k] for k in range(len(raw))])
    for pair in pairs:
        # 1.960 + 0.842 standard errors: half the bar is crossed by chance, four fifths above.
        assert pair.seen == pytest.approx(2.802 * pair.error, rel=1e-3)


def test_the_paired_table_says_better_worse_and_cannot_tell():
    good, same = noisy(2.0), noisy(0.0, 7)
    scores = {"reference": same, "seer": good, "fool": -good, "twin": same}
    measured = [measure(result(name, score), draws=200) for name, score in scores.items()]
    pairs = paired(measured, measured[0])
    missing = {"not_applicable": {"a": "no text"}, "left_out": {"b": "b: other settings"}}
    missing["failed"] = {"c (test window 2)": "RuntimeError"}
    page = markdown(
        measured, pairs, head=["# T"], against="reference", **missing, not_averaged=["seer"]
    )
    assert "- a: no text" in page
    assert "## Not in every test window\n\n- seer" in page
    assert "- b: other settings" in page
    assert "## Failed\n\n- c (test window 2): RuntimeError" in page
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line[:1] == "|"}
    section = page.split("## Against Reference")[1].split("## ")[0]
    verdict = {
        line.split("|")[1].strip(): line.split("|")[-2].strip()
        for line in section.splitlines()
        if line.startswith("|")
    }
    assert rows.keys() >= {"Seer", "Fool", "Twin", "Reference"}
    assert verdict["Seer"] == "better"
    assert verdict["Fool"] == "worse"
    assert verdict["Twin"] == "cannot tell below 0.000"
    assert "Reference" not in verdict
    assert "Of 6 such tests" in section


def test_nine_leads_that_ordered_tell_nothing():
    label = np.arange(N) < 9
    scores = {"reference": noisy(0.0, 7), "seer": np.float32(9 * label)}
    measured = [measure(result(n, s, label=label), draws=50) for n, s in scores.items()]
    assert measured[1].figures["auc"] == 1
    assert np.isnan(measured[1].interval("auc")).all()
    for pair in (pairs := paired(measured, measured[0])):
        assert pair.difference > 0
        assert np.isnan([pair.low, pair.high, pair.seen, pair.p]).all()
        assert pair.delong is None
    page = markdown(
        measured, pairs, head=["# T"], against="reference", not_applicable={}, left_out={},
        failed={}, not_averaged=[],
    )  # fmt: skip
    assert "cannot tell: under 10 leads ordered, or did not" in page
    assert "Differences have no intervals." in page
    assert "nan" not in page


def test_a_window_of_nine_orders_does_not_silence_the_others():
    windows = []
    for label in (np.arange(N) < 9, LABEL, LABEL):
        scores = {"reference": noisy(0.0, 7), "seer": np.float32(2 * label) + noisy(0.0, 8)}
        made = [result(name, score, label=label) for name, score in scores.items()]
        leads = np.sort(made[0].scores["lead_id"].unique().to_numpy())
        windows.append([measure(one, draws=50, leads=leads) for one in made])
    assert np.isnan(windows[0][1].interval("auc")).all()
    together = pooled(windows)
    assert together[1].outcomes == 9 + 2 * 30
    [pair] = [p for p in paired(together, together[0], exact=False) if p.figure == "auc"]
    assert pair.low > 0


def test_right_probabilities_have_an_error_by_chance_and_an_interval_around_it():
    """Labels drawn as sigmoid(score) says; the percentiles of the draws lie above the error."""
    chance = np.random.default_rng(3)
    score = chance.normal(size=600)
    label = (chance.random(600) < 1 / (1 + np.exp(-score))).astype(int)
    found = measure(result("right", score, label=label, stage=label), draws=200)
    ece, (low, high) = found.figures["ece"], found.interval("ece")
    assert ece == pytest.approx(found.figures["ece_chance"], rel=0.5)
    assert np.quantile(found.draws["ece"], 0.025) > 0.9 * ece
    assert 0 <= low < ece
    assert low < high


def test_delongs_interval_stands_beside_the_bootstraps():
    a, b = result("a", noisy(1.0), noisy(1.0, 2), **LEADS), result("b", noisy(0.3, 1), **LEADS)
    measured = [measure(one, draws=400) for one in (a, b)]
    precision, area = paired(measured, measured[1])
    assert precision.delong is None
    low, high, _ = area.delong
    assert (low + high) / 2 == pytest.approx(area.difference, abs=1e-9)
    assert high - low == pytest.approx(area.high - area.low, rel=0.3)


def window(of, *, seed=0, draws=300, leads):
    """A reference and a better score of one window whose leads are named so."""
    names = [f"lead {of[row // 3]:02}" for row in range(N)]
    scores = {"a": noisy(1.0, 2 * seed), "b": noisy(0.3, 2 * seed + 1)}
    results = [result(name, score, lead_id=names) for name, score in scores.items()]
    return [measure(one, draws=draws, leads=leads) for one in results]


def test_windows_of_the_same_leads_are_as_sure_as_one():
    """Two times the same window is no more than that window; drawn apart, by 1.41 surer."""
    leads = np.array([f"lead {row:02}" for row in range(20)])
    one = window(range(20), leads=leads)
    alone, both = paired(one, one[1]), pooled([one, one])
    alike = [measure(member.result, draws=300) for member in one]
    for pair, single, own in zip(
        paired(both, both[1], exact=False), alone, paired(alike, alike[1]), strict=True
    ):
        assert pair.difference == pytest.approx(single.difference)
        assert pair.error == pytest.approx(single.error)
        assert single.error == pytest.approx(own.error)


def test_windows_of_other_leads_are_averaged():
    """Differences average, and the error is that of a mean of two."""
    leads = np.array([f"lead {row:02}" for row in range(40)])
    windows = [window(range(20 * k, 20 * k + 20), seed=k, leads=leads) for k in range(2)]
    single = [paired(one, one[1]) for one in windows]
    both = pooled(windows)
    for k, pair in enumerate(paired(both, both[1], exact=False)):
        gaps = [one[k].difference for one in single]
        assert pair.difference == pytest.approx(np.mean(gaps))
        error = np.sqrt(sum(one[k].error ** 2 for one in single)) / 2
        assert pair.error == pytest.approx(error, rel=0.2)


def test_lists_are_measured_where_there_are_groups():
    groups = ["north", "south"] * (N // 2)
    label = [int(row // 2 % 2) for row in range(N)]
    both = result("both", noisy(1.0), group=groups, label=label)
    found = measure(both, draws=5, capacity=3)
    assert found.figures["list_auc"] > 0
    share = found.figures["pairs_within"]
    parts = share * found.figures["list_auc"] + (1 - share) * found.figures["auc_between"]
    assert parts == pytest.approx(found.figures["auc"])
    # A draw of leads breaks a list, so that its percentiles miss the figure itself.
    assert np.isnan(found.interval("list_precision")).all()
    one = found.result.record["title"]
    missing = {"not_applicable": {}, "failed": {}, "left_out": {}}
    page = markdown([found], [], head=[], against="both", **missing, capacity=3)
    lists = page.split("## Call lists")[1].split("## ")[0]
    assert "order rate in a list's first 3" in lists
    assert f"| {one} | {found.figures['list_precision']:.3f} |" in lists
    assert "list_auc" not in measure(result("none", noisy(1.0)), draws=5).figures


def test_calibration_before_is_that_of_logits_alone():
    score = np.full(N, 3.0)
    found = measure(result("sure", score), draws=5)
    # Everybody is promised sigmoid(3) = .953, half of them order.
    assert found.ece_before == pytest.approx(0.9526 - 0.5, abs=1e-3)
    ranks = result("ranks", score)
    ranks.record["runs"][0]["logit"] = False
    assert np.isnan(measure(ranks, draws=5).ece_before)
