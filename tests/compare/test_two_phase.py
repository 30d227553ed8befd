"""A sample with known shares gives what scoring everything gives, and says how sure it is."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from compared import result, system
from scipy.stats import norm

from leadrank.compare.comparison import Comparison
from leadrank.compare.engine import Engine
from leadrank.compare.measure import measure, paired
from leadrank.compare.study import Scored, open_study
from leadrank.compare.tables import markdown
from leadrank.compare.two_phase import two_phase
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.preference.intervals import lead_draws
from leadrank.preference.order_metrics import auc, average_precision


def leads(rows, seed, rate=0.06):
    """Labels, a cheap score and a dear one that knows more."""
    chance = np.random.default_rng(seed)
    label = (chance.random(rows) < rate).astype(float)
    cheap = 0.7 * label + chance.normal(size=rows)
    return label, cheap, 0.7 * label + 0.5 * cheap + chance.normal(size=rows)


def measured(label, score, times=None, name="one", draws=2):
    """The score's figures; rows that `times` leaves out have the score 0, as on disk."""
    times = np.ones(len(label)) if times is None else times
    one = result(name, np.where(times > 0, score, 0), label=label, weight=times, times=times)
    return measure(one, draws=draws)


def test_orders_and_tops_are_kept_and_the_rest_stands_for_itself():
    """20 rows: orders 0 and 1; the best of a cheap score is 19; of 17 others 5 for 3.4 each."""
    label = np.array([1, 1] + [0] * 18)
    times = two_phase(label, [np.arange(20.0)], rest=5)
    assert times[[0, 1, 19]].tolist() == [1, 1, 1]
    assert sorted(times[times > 0])[3:] == pytest.approx([17 / 5] * 5)
    assert times.sum() == pytest.approx(20)
    assert two_phase(label, [], rest=100).tolist() == [1] * 20


def both(label, score, weight):
    """AUC and average precision for one weight per row or many draws of them."""
    columns = torch.from_numpy(score), torch.from_numpy(label), weight
    return torch.stack([auc(*columns), average_precision(*columns)], -1)


def test_the_sample_agrees_with_scoring_everything_on_average():
    """Means over 60 samples of 700 of the 2,700 others, within three of their standard errors.

    Precision divides by a count that the sample makes noisy, so that it is a little too high:
    by .002 of .24 here, by .016 where each drawn row stands for eleven.
    """
    label, cheap, dear = leads(3000, seed=0)
    whole = both(label, dear, torch.ones(3000, dtype=torch.float64))
    samples = [torch.from_numpy(two_phase(label, [cheap], rest=700, seed=s)) for s in range(60)]
    found = both(label, dear, torch.stack(samples))
    bias, error = found.mean(0) - whole, found.std(0) / 60**0.5
    assert (bias.abs() < 3 * error + torch.tensor([0.0, 0.006])).all(), (bias, error)
    assert (error < 0.004).all(), error


def test_intervals_of_sampled_scores_cover_the_figures_of_all_leads():
    """At 48 orders as often as those of full scores do, 90 to 94 %, not 95: of 60 about 55."""
    label, _, dear = leads(200_000, seed=1)
    truth = both(label, dear, torch.ones(len(label), dtype=torch.float64))
    covered = torch.zeros(2)
    for seed in range(60):
        label, cheap, dear = leads(800, seed=1000 + seed)
        times = torch.from_numpy(two_phase(label, [cheap], rest=300, seed=seed))
        (draws,) = lead_draws(torch.arange(800), draws=150, seed=seed)
        found = both(label, dear, draws * times)
        low, high = found.nanquantile(torch.tensor([0.025, 0.975]).double(), 0)
        covered += (low <= truth) & (truth <= high)
    assert (covered >= 49).all(), covered


def test_where_each_row_stands_for_28_average_precision_is_too_high_and_auc_is_not():
    """What the page says of sampled systems, and why AUC judges them: means of 60 samples."""
    label, cheap, dear = leads(20_000, seed=5, rate=0.014)
    whole = both(label, dear, torch.ones(len(label), dtype=torch.float64))
    samples = [two_phase(label, [cheap], rest=670, seed=s) for s in range(60)]
    assert 27 < max(samples[0]) < 29
    found = both(label, dear, torch.from_numpy(np.stack(samples)))
    excess, error = found.mean(0) / whole - 1, found.std(0) / whole / 60**0.5
    assert abs(excess[0]) < 3 * error[0] < 0.01, (excess, error)
    assert excess[1] > 0.05 > 3 * error[1], (excess, error)


def test_a_sampled_system_has_no_test_of_its_average_precision():
    label, cheap, dear = leads(1500, seed=3)
    times = two_phase(label, [cheap], rest=200)
    reference = measured(label, cheap, name="cheap", draws=200)
    found = paired([measured(label, dear, times, draws=200)], reference)
    whole = paired([measured(label, dear, draws=200)], reference)
    precision, area = found
    assert precision.figure == "average_precision"
    assert np.isnan(precision.p)
    # Holm's correction is then over the one test that is left; of full scores over both.
    gap = abs(area.difference) / area.error
    assert area.p == pytest.approx(2 * norm.sf(gap))
    assert not any(np.isnan(one.p) for one in whole)
    assert whole[1].error < area.error < 2 * whole[1].error


def test_a_sampled_system_is_judged_by_auc_and_says_how_many_rows_it_scored():
    """Its average precision is too high, so "better" by it would be the sample's doing."""
    label, cheap, dear = leads(600, seed=3)
    times = two_phase(label, [cheap], rest=50)
    found = [measured(label, cheap, name="cheap"), measured(label, dear, times)]
    assert found[1].result.num_scored == (times > 0).sum()
    pairs = [
        pair._replace(low=low, high=0.9)
        for pair, low in zip(paired(found, found[0]), (0.1, -0.1), strict=True)
    ]
    missing = {"not_applicable": {}, "failed": {}, "left_out": {}}
    page = markdown(found, pairs, head=[], against="cheap", **missing)
    section = page.split("## Against")[1].split("## ")[0]
    (row,) = [line for line in section.splitlines() if "| One " in line]
    assert "cannot tell" in row
    assert row.endswith("by AUC |")
    assert f"One ({(times > 0).sum()} rows sampled, AP too high)" in page


def test_a_dear_system_is_asked_for_its_sample_alone(
    small_crm, data_of, tmp_path, embedded_base
):
    study, test = open_study(data_of(small_crm), EncoderSettings(layers=2, adapt="none"))
    engine = Engine(Comparison(study, test, tmp_path / "out", sample=10), lambda line: None)
    asked = []

    def fit(study, seed):
        asked.append(study.scored_positions())
        score = np.full(study.table.rows.height, np.nan)
        score[asked[-1]] = asked[-1]
        return Scored(score, {})

    engine.run({"dear": replace(system(fit), dear=True), "cheap": system()})
    assert engine.failed == {}
    results = {one.name: one for one in engine.results()}
    kept = pl.read_parquet(tmp_path / "out" / "dear.parquet")
    orders, top = int(test["label"].sum()), int(np.ceil(0.05 * test.height))
    assert orders + 10 <= kept.height <= orders + top + 10 < test.height
    # Validation is sampled too: its orders and ten more.
    known = study.data.rows.label.numpy()[study.positions("validation")].sum()
    assert len(asked[0]) == kept.height + known + 10
    scores = results["dear"].scores
    assert scores.height == test.height
    assert scores["weight"].sum() == pytest.approx(test["weight"].sum(), rel=1e-6)
    assert scores.filter(pl.col("times") == 0)["weight"].sum() == 0
    assert results["cheap"].scores["times"].unique().to_list() == [1]
