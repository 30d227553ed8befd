"""The pair audit on a table whose tiers are known: a soft signal each for what a tier may be.

900 leads; interest x decides who orders. One signal follows x, one runs against it, one is
noise, and one is an input itself.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from sklearn.metrics import roc_auc_score

from leadrank.audit.inputs import inputs_of
from leadrank.audit.pull import pulls
from leadrank.audit.report import page, supervision, write_audit
from leadrank.audit.rows import audited_rows
from leadrank.audit.scores import auc, lead_folds, order_score
from leadrank.audit.tier_audit import audit_tiers
from leadrank.audit.verdict import remedy, worth
from leadrank.errors import UserError
from leadrank.funnel import LeadTable, load_crm_file, read_lead_table
from leadrank.model.ranker import LossSettings
from leadrank.preference import Tier

LEADS = 900
LABELS_ALONE = 0.8
SIGNALS = ["follows", "against", "noise", "minutes"]
SOFT = [Tier(name, (0, 1, 2), signal=i) for i, name in enumerate(SIGNALS)]
TIERS = [Tier("global", (2,), (0, 1), margin=1.0), *SOFT]
EXPECTED = {
    "global": "orders",
    "follows": "agrees",
    "against": "misleads",
    "noise": "says little",
    "minutes": "shortcut",
}
CRM = {
    "name": "tiers",
    "source": {"tables": {"leads": "leads.csv"}},
    "timezone": "UTC",
    "lead_id": "lead",
    "snapshot": {"column": "at", "kind": "order"},
    "horizon_days": None,
    "extract": "final",
    "stages": [
        {"name": "lead", "always": True},
        {"name": "visit", "column": "visited", "values": ["1"]},
        {"name": "order", "column": "ordered", "values": ["1"]},
    ],
    "fields": {"numeric": [{"column": c, "name": c} for c in ("x", "y", "minutes")]},
    "soft_signals": [{"column": name} for name in SIGNALS],
    "split": {"kind": "time", "test": 0.1, "validation": 0.1},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> LeadTable:
    folder = tmp_path_factory.mktemp("tiers")
    random = np.random.default_rng(0)
    x, y, noise = random.normal(size=(3, LEADS))
    ordered = random.random(LEADS) < 1 / (1 + np.exp(1.5 - 1.5 * x))
    wobble = random.normal(size=(2, LEADS))
    pl.DataFrame(
        {
            "lead": np.arange(LEADS),
            "at": np.arange(LEADS),
            "x": x,
            "y": y,
            "minutes": random.exponential(size=LEADS),
            "visited": (ordered | (random.random(LEADS) < 0.2)).astype(int),
            "ordered": ordered.astype(int),
            "follows": x + wobble[0],
            "against": -x + wobble[1],
            "noise": noise,
        }
    ).write_csv(folder / "leads.csv")
    (folder / "crm.yaml").write_text(yaml.safe_dump(CRM, sort_keys=False), "utf-8")
    return read_lead_table(load_crm_file(folder / "crm.yaml"), folder)


@pytest.fixture(scope="module")
def audited(table):
    return audited_rows(table, TIERS)


@pytest.fixture(scope="module")
def found(table, audited):
    tiers = audit_tiers(audited, inputs_of(audited.rows, table.crm))
    return {tier.name: tier for tier in tiers}


@pytest.mark.parametrize(("name", "verdict"), EXPECTED.items())
def test_each_tier_is_named_for_what_it_is(found, name, verdict):
    assert worth(found[name], LABELS_ALONE) == verdict


def test_a_tier_that_teaches_less_than_labels_is_weaker(found):
    follows = found["follows"]
    assert worth(follows, follows.teaches.high + 0.051) == "weaker"
    assert worth(follows, follows.teaches.high + 0.049) == "agrees"


def test_counts_are_those_of_all_pairs(table, audited, found):
    rows = audited.rows
    orders = int(rows["label"].sum())
    assert found["global"].pairs == pytest.approx(orders * (rows.height - orders))
    by_stage = rows.group_by("stage").agg(
        above=(pl.col("follows") > rows["follows"].median()).sum(), n=pl.len()
    )
    both = (by_stage["above"] * (by_stage["n"] - by_stage["above"])).sum()
    assert found["follows"].pairs == pytest.approx(both, rel=0.02)


def test_a_sample_estimates_the_counts_of_all(table, found):
    few = audited_rows(table, TIERS, most=150)
    estimate = float(few.pairs.weight[few.pairs.tier == 0].sum())
    assert len(few.sample) <= 150
    assert estimate == pytest.approx(found["global"].pairs, rel=0.02)


def test_a_contradicting_tier_is_counted(table):
    backwards = Tier("backwards", (0,), (1,))
    tiers = audited_rows(table, [Tier("key", (1, 2), (0,)), backwards])
    of_backwards = audit_tiers(tiers, inputs_of(tiers.rows, table.crm))[1]
    assert of_backwards.contradicted == 1.0


def test_rows_of_equal_inputs_are_tied(table, audited):
    same = audited.rows.with_columns(x=pl.lit(0.0), y=pl.lit(0.0), minutes=pl.lit(0.0))
    tiers = audit_tiers(audited, inputs_of(same, table.crm))
    assert [tier.tied for tier in tiers] == [1.0] * len(tiers)
    assert tiers[1].agrees.value == 0.5  # nothing parts them, so every pair is a tie


def test_teaches_is_the_auc_of_orders_as_scikit_learn_has_it():
    random = np.random.default_rng(1)
    label, score = random.integers(0, 2, 60), random.integers(0, 9, 60).astype(float)
    assert auc(score, label) == pytest.approx(roc_auc_score(label, score))


def test_a_leads_rows_are_in_one_fold_and_no_row_scores_itself(audited, table):
    lead = np.repeat(np.arange(50), 3)
    fold = lead_folds(lead, (lead % 7 == 0).astype(int))
    assert all(len(set(fold[lead == one])) == 1 for one in range(50))
    # Labels that nothing tells are ranked by chance, though a fit on themselves would know.
    coin = np.random.default_rng(2).integers(0, 2, audited.rows.height)
    matrix = inputs_of(audited.rows, table.crm).matrix
    score = order_score(matrix, coin, lead_folds(audited.lead, coin))
    assert abs(auc(score, coin) - 0.5) < 0.06


def test_pulls_at_equal_scores_are_the_weights_times_the_sigmoid_of_the_margin(audited):
    """Two terms, labels off: a tier's gradient is sigmoid(margin) / pairs on either side."""
    loss = LossSettings(pointwise=0.0, preference=1.0)
    weight = torch.from_numpy(audited.row_weight)
    found = pulls(torch.zeros(len(audited.sample)), audited, loss, weight)
    # At zero scores every winner of a tier is pushed up and every loser down, none both ways,
    # so the sizes are 2 sigmoid(m) times equal weights: sigmoid(1) = 0.731 beside 0.5.
    total = 0.7310586 + 4 * 0.5
    assert found["global"] == pytest.approx(0.7310586 / total, rel=1e-4)
    assert found["noise"] == pytest.approx(0.5 / total, rel=1e-4)
    assert found["labels"] == 0


def test_the_page_fits_a_terminal_names_the_bad_tiers_and_is_written(found, table, tmp_path):
    pull = {"at equal scores": dict.fromkeys(found, 0.2) | {"labels": 0.1}}
    tiers = list(found.values())
    text = page(table, tiers, labels_alone=LABELS_ALONE, pull=pull, command="leadrank audit")
    assert max(map(len, text.splitlines())) <= 80
    assert "minutes is a shortcut: 'minutes' alone tells the winner" in text
    assert '--model.preference.tier_weights \'{"against": 0, "minutes": 0}\'' in text
    write_audit(tmp_path / "audit", text, tiers, LABELS_ALONE, pull)
    kept = json.loads((tmp_path / "audit/audit.json").read_text("utf-8"))
    assert {tier["name"]: tier["verdict"] for tier in kept["tiers"]} == EXPECTED
    assert (tmp_path / "audit/tiers.png").stat().st_size > 5000


def test_no_tier_is_judged_by_nine_leads_that_ordered(found, table, tmp_path):
    tiers = [replace(tier, ordered=9) for tier in found.values()]
    text = page(table, tiers, labels_alone=LABELS_ALONE, pull={}, command="leadrank audit")
    assert "global is not judged: 9 training leads ordered" in text
    assert "shortcut" not in text
    assert "tier_weights" not in text
    write_audit(tmp_path, text, tiers, LABELS_ALONE, {})
    kept = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert {tier["verdict"] for tier in kept["tiers"]} == {"few orders"}


def test_the_leads_that_ordered_are_counted(found, audited):
    ordered = {lead for lead, label in zip(audited.lead, audited.label, strict=True) if label}
    assert {tier.ordered for tier in found.values()} == {len(ordered)}


def test_harmless_tiers_are_left_alone(found):
    assert remedy([found["global"], found["follows"]], LABELS_ALONE) == [
        "No tier misleads or is a shortcut. Whether pairs help is another question."
    ]


def test_stages_read_from_a_value_are_said_to_be_of_no_known_time(table):
    first, *_ = supervision(table)
    assert "'visit', 'order'" in first
    assert "after the snapshot" in first


def test_immature_rows_are_counted_with_the_orders_among_them(table):
    young = (pl.col("row_id") < 40) & (pl.col("part") == "train")
    rows = table.rows.with_columns(mature=~young.fill_null(False))
    orders = int(rows.filter(~pl.col("mature"))["label"].sum())
    *_, last = supervision(replace(table, rows=rows))
    assert last.startswith("40 training rows are not followed to the horizon")
    assert f"{orders} of them have ordered" in last


def test_a_table_without_mature_training_rows_is_refused(table):
    rows = table.rows.with_columns(mature=pl.lit(False))
    with pytest.raises(UserError, match="no training row is mature"):
        audited_rows(replace(table, rows=rows), TIERS)


def test_the_command_prints_the_page_and_says_of_mistakes(
    small_crm, tmp_path, command_line, monkeypatch, capsys
):
    folder = tmp_path / "experiments"
    (folder / "data").mkdir(parents=True)
    for file in (Path(__file__).parents[2] / "experiments").glob("*.yaml"):
        shutil.copy(file, folder)
    shutil.copy(small_crm.crm, folder / "data/small.yaml")
    monkeypatch.chdir(tmp_path)
    words = ["audit", "--root", small_crm.root, "--smoke", "--data"]
    assert command_line(*words, "small") == 0
    out = capsys.readouterr().out
    assert "Verdict" in out
    assert (tmp_path / "benchmarks/audit/small-smoke/audit.txt").read_text("utf-8") in out
    assert command_line(*words, "smal") == 2
    assert "did you mean 'small'" in capsys.readouterr().err
