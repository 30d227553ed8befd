"""The margin lab: what is tried, on which orders, and that its loop trains as `fit` does."""

import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from leadrank.compare.study import open_study
from leadrank.errors import UserError
from leadrank.funnel import Funnel, load_crm_file, read_lead_table
from leadrank.lab import cells, fit
from leadrank.lab.cells import Cell, run_cells
from leadrank.lab.measure import Test as Rows
from leadrank.lab.measure import best_rates, chosen_cells, measure
from leadrank.lab.report import answers, figure, page
from leadrank.lab.scarce import keep_orders, scarce
from leadrank.lab.trials import REFERENCE, trials_of
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.ranker import LeadRanker

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
FUNNEL = Funnel(("lead", "test drive", "order"), True, 30)
TRIALS = {trial.name: trial for trial in trials_of(FUNNEL)}


def pull(trial) -> dict[str, float]:
    """What each tier's pair pulls at equal scores: its weight times sigmoid(margin)."""
    tiers = trial.preference.resolve(FUNNEL)
    total = sum(tier.weight / (1 + np.exp(-tier.margin)) for tier in tiers)
    return {t.name: t.weight / (1 + np.exp(-t.margin)) / total for t in tiers}


def test_equal_pull_pulls_as_the_margins_do_without_any():
    assert pull(TRIALS["equal pull"]) == pytest.approx(pull(TRIALS["paper"]), abs=1e-6)
    assert all(t.margin == 0 for t in TRIALS["equal pull"].preference.resolve(FUNNEL))
    assert pull(TRIALS["margin 0"])["global"] == 0.5


def test_the_reference_has_no_pairs_and_names_are_unique():
    assert TRIALS[REFERENCE].loss.preference == 0
    assert len(TRIALS) == len(trials_of(FUNNEL))
    assert [t.weight for t in TRIALS["without global"].preference.resolve(FUNNEL)] == [0, 1]


def test_a_funnel_of_one_tier_has_no_trial_without_it():
    assert "without global" not in {t.name for t in trials_of(Funnel(("a", "b"), False, 30))}


def test_flags_say_what_differs():
    assert TRIALS["paper"].flags == ""
    assert TRIALS["margin 0"].flags == "--model.preference.margins zero"
    assert "--model.preference.tier_weights '{\"global\": 0}'" in TRIALS["without global"].flags


@pytest.fixture
def table(small_crm):
    return read_lead_table(load_crm_file(small_crm.crm), small_crm.root)


def test_kept_orders_are_nested_and_other_rows_stay(table):
    def train(kept):
        return kept.rows.filter(pl.col("part") == "train")

    def orders(kept):
        return set(train(kept).filter(pl.col("label") == 1)["row_id"])

    few, more = keep_orders(table, 0.1, 3), keep_orders(table, 0.3, 3)
    count = len(orders(table))
    assert orders(few) < orders(more) < orders(table)
    assert len(orders(more)) == round(0.3 * count)
    assert orders(few) != orders(keep_orders(table, 0.1, 4))
    others = train(table).filter(pl.col("label") == 0)["row_id"].to_list()
    assert train(few).filter(pl.col("label") == 0)["row_id"].to_list() == others
    for part in ("validation", "test"):
        assert few.rows.filter(pl.col("part") == part).height == (
            table.rows.filter(pl.col("part") == part).height
        )
    assert orders(keep_orders(table, 1.0, 0)) == orders(table)


@pytest.fixture
def opened(small_crm, data_of, embedded_base):
    """A study of the small CRM on two layers, and its test rows."""
    encoder = EncoderSettings(layers=2, adapt="none", quantisation="none")
    return open_study(data_of(small_crm), encoder, experiments=EXPERIMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "corn", "separate head"])
def test_a_steps_loss_is_that_of_the_lightning_module(opened, name):
    study, _ = opened
    have, trial = scarce(study, 0.5, 0), TRIALS[name]
    data = fit.with_preference(have.data, trial.preference)
    head = fit._head(have, trial).eval()
    positions = data.positions("train")[next(iter(data._sampler.batches()))]
    batch = fit.PairedRows(data.rows, data.tiers, data.preference, 0)[positions]
    output = head(batch["vectors"], batch["fields"], batch["wide"])
    gate = fit.TierGate(len(data.tiers))
    own = fit._loss(output, batch, data.tiers, trial.loss, gate, list(head.parameters()))
    ranker = LeadRanker(head=trial.head, preference=trial.preference, loss=trial.loss)
    ranker.tiers = data.tiers
    # The model is anything that reads a batch.
    object.__setattr__(ranker, "model", SimpleNamespace(read=lambda b, words: output))
    ranker.log = lambda *a, **k: None
    theirs = ranker.training_step(batch, 0).detach()
    assert float(theirs) == pytest.approx(float(own.detach()), rel=1e-6)


@pytest.mark.slow
def test_cells_start_as_the_probe_repeat_and_go_on_where_they_stopped(
    opened, tmp_path, monkeypatch
):
    study, test = opened
    trials = [TRIALS["pointwise"], TRIALS["paper"]]
    keys = {"shares": [1.0, 0.3], "seeds": 2, "rates": [1e-2], "epochs": 2}
    found = run_cells(study, trials, tmp_path, **keys, say=lambda _: None)
    assert len(found) == 8
    assert all(len(cell.score) == test.height for cell in found)
    (tmp_path / "cells" / "paper-0.3-1-0.01.npz").unlink()
    fitted = []
    whole = cells.fit_trial
    monkeypatch.setattr(cells, "fit_trial", lambda *a, **k: fitted.append(a) or whole(*a, **k))
    again = run_cells(study, trials, tmp_path, **keys, say=lambda _: None)
    assert len(fitted) == 1
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.score, other.score)
    with pytest.raises(UserError, match="other data or settings"):
        run_cells(study, trials, tmp_path, **{**keys, "epochs": 3}, say=lambda _: None)
    # With no epoch a cell is its probe, and where training is not clearly better.
    have = scarce(study, 0.3, 0)
    start = fit.fit_trial(have, TRIALS["paper"], seed=0, rate=1e-2, epochs=0)
    rising = itertools.count()
    monkeypatch.setattr(fit, "auc", lambda *_: next(rising))
    for kept, epoch in ((True, 2), (False, 0)):
        monkeypatch.setattr(fit, "earns_its_keep", lambda *_, kept=kept: kept)
        trained = fit.fit_trial(have, TRIALS["paper"], seed=0, rate=1e-1, epochs=2)
        assert trained.epoch == epoch
        assert (trained.score == start.score).all() == (not kept)
    rows = have.data.positions("test")
    inputs = (have.data.rows.frozen.vectors(), have.data.rows.fields.numpy())
    probe = have.started("probe").probe.score(
        *inputs, have.data.ngrams.encode(have.data.table.rows)
    )[rows]
    np.testing.assert_allclose(start.score, probe, atol=1e-4)


def cell(trial, seed, score, validation=0.5, rate=1e-3, share=1.0) -> Cell:
    return Cell(trial, share, seed, rate, np.asarray(score, np.float32), validation, 1, 20)


def rows(count: int = 60) -> Rows:
    label = (torch.arange(count) % 3 == 0).double()
    return Rows(label, torch.ones(count).double(), torch.arange(count))


def test_the_gap_is_the_mean_over_seeds_and_its_interval_holds_it():
    test = rows()
    chance = np.random.default_rng(0)
    noise = [chance.normal(size=60) for _ in range(3)]
    truth = test.label.numpy()
    found = [cell(REFERENCE, s, noise[s]) for s in range(3)]
    found += [cell("good", s, noise[s] + 3 * truth) for s in range(3)]
    found += [cell("same", s, noise[s]) for s in range(3)]
    gaps = {(g.trial, g.metric): g for g in measure(found, test, draws=100)}
    good, same = gaps["good", "auc"], gaps["same", "auc"]
    assert good.low < good.difference < good.high
    assert good.low > 0.2
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    by_hand = np.mean(
        [roc_auc_score(truth, n + 3 * truth) - roc_auc_score(truth, n) for n in noise]
    )
    assert good.difference == pytest.approx(by_hand, abs=1e-6)
    text = "\n".join(answers([good, same]))
    assert "better than labels alone: good; worse: none" in text


def test_rates_and_trials_are_chosen_on_validation_alone():
    low = [cell("a", s, [s], 0.4, rate=1e-3) for s in range(2)]
    high = [cell("a", 0, [0], 0.9, rate=1e-2), cell("a", 1, [1], 0.1, rate=1e-2)]
    other = [cell("b", 0, [2], 0.3), cell("b", 1, [3], 0.6)]
    best = best_rates([*low, *high, *other])
    assert [one.rate for one in best["a", 1.0]] == [1e-2, 1e-2]  # .5 on average, not .4
    assert [(one.trial, one.seed) for one in chosen_cells(best)[1.0]] == [("a", 0), ("b", 1)]


def test_the_page_fits_a_terminal_and_the_picture_has_a_panel_for_each_share():
    test = rows()
    scores = np.random.default_rng(1).normal(size=(2, 60))
    found = [
        cell(name, seed, scores[seed] * (1 if name == REFERENCE else -1), share=share)
        for name in TRIALS
        for share in (1.0, 0.1)
        for seed in range(2)
    ]
    gaps = measure(found, test, draws=20)
    trials = list(TRIALS.values())
    text = page(gaps, trials, title="small", command="leadrank margins --data small")
    plain = [line for line in text.splitlines() if "--model." not in line]
    assert max(map(len, plain)) <= 80
    assert "10% of the orders kept (20 training rows)" in text
    assert len(figure(gaps, trials).axes) == 2


@pytest.mark.slow
def test_the_command_in_smoke_form(
    small_crm, tmp_path, command_line, monkeypatch, capsys, embedded_base
):
    folder = tmp_path / "experiments"
    (folder / "data").mkdir(parents=True)
    shutil.copy(EXPERIMENTS / "base.yaml", folder)
    shutil.copy(small_crm.crm, folder / "data/small.yaml")
    monkeypatch.chdir(tmp_path)
    words = ["margins", "--data", "small", "--root", small_crm.root, "--smoke"]
    assert command_line(*words, "--trials", "paper,corn") == 0
    out = Path("benchmarks/margins/small-smoke")
    assert (out / "margins.txt").read_text("utf-8") in capsys.readouterr().out
    assert (out / "margins.png").stat().st_size > 5000
    assert command_line(*words, "--trials", "papr") == 2
    assert "no trial 'papr'; did you mean 'paper'" in capsys.readouterr().err
    assert command_line(*words, "--shares", "2") == 2
    assert "expected shares of the orders" in capsys.readouterr().err
    monkeypatch.setattr("leadrank.preference.intervals.FEWEST", 10_000)
    assert command_line(*words[:-1], "--trials", "paper,corn") == 2
    assert "leads of the test part ordered, or did not" in capsys.readouterr().err
