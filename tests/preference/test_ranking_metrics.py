import math

import pytest
import torch
from slow_metrics import random_table, replicated

from leadrank.errors import UserError
from leadrank.preference import ranking_metrics
from leadrank.preference.metrics import ranking_figures

NAMES = {
    *("n", "positives", "auc", "average_precision", "ndcg", "ndcg_stage", "pair_accuracy"),
    *("precision@0.1%", "precision@1%", "precision@5%", "precision@10%"),
    *("recall@5%", "lift@10%", "ece", "brier", "list_auc", "list_ndcg", "few_hits"),
}
COUNTS = ("n", "positives", "few_hits")


def measure(table, **changes):
    columns = {key: value for key, value in (table | changes).items() if key != "lead"}
    rows = [columns.pop(key) for key in ("score", "label", "weight")]
    return ranking_metrics(*rows, **columns)


def figures(found):
    return {name: value for name, value in found.items() if name not in COUNTS}


def test_names_are_those_of_the_contract():
    assert set(measure(random_table(0, rows=50))) == NAMES


def test_every_value_is_a_plain_number():
    found = measure(random_table(0, rows=50))
    assert {type(value) for value in figures(found).values()} == {float}
    assert (found["n"], type(found["positives"])) == (50, int)


def test_integer_weights_equal_replicated_rows():
    for seed in range(100):
        table = random_table(seed, rows=60)
        found, expected = measure(table), measure(replicated(table))
        assert figures(found) == pytest.approx(figures(expected), abs=1e-12, nan_ok=True), seed


def test_order_of_rows_does_not_matter():
    for seed in range(50):
        table = random_table(seed, rows=60)
        mixed = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
        found = measure({key: value[mixed] for key, value in table.items()})
        assert found.pop("few_hits") == measure(table)["few_hits"]
        expected = {key: value for key, value in measure(table).items() if key != "few_hits"}
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True), seed


def test_a_monotone_transform_of_the_score_changes_nothing():
    table = random_table(0, rows=60)
    assert measure(table, score=table["score"] ** 3 * 7 - 2) == measure(table)


def test_reversing_the_score_reverses_auc():
    table = random_table(0, rows=60)
    found, back = measure(table), measure(table, score=-table["score"])
    for name in ("auc", "list_auc", "pair_accuracy"):
        assert found[name] == pytest.approx(1 - back[name], abs=1e-12)


def test_the_number_of_threads_does_not_change_a_digit():
    table = random_table(0, rows=70_000, ties=False, lists=5000)
    table["weight"] = table["weight"] + table["probability"]
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(measure(table))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_many_draws_of_weights_equal_one_at_a_time():
    table = random_table(0, rows=40)
    draws = torch.randint(0, 3, (5, 40)).double()
    optional = {key: table[key] for key in ("probability", "stage", "stage_known", "group")}
    together = ranking_figures(table["score"], table["label"], draws, **optional)
    for k, weight in enumerate(draws):
        found = measure(table, weight=weight)
        one = {name: value[k].item() for name, value in together.items()}
        assert one == pytest.approx({name: found[name] for name in one}, abs=1e-12, nan_ok=True)


def test_stages_that_are_not_known_do_not_count():
    table = random_table(0, rows=60)
    known = table["stage_known"]
    kept = measure({key: value[known] for key, value in table.items()})
    scrambled = measure(table, stage=torch.where(known, table["stage"], 7))
    for name in ("ndcg_stage", "pair_accuracy"):
        assert scrambled[name] == pytest.approx(kept[name], abs=1e-12)


def test_without_groups_lists_are_none_with_the_reason():
    found = measure(random_table(0, rows=60), group=None)
    assert (found["list_auc"], found["list_ndcg"]) == (None, None)
    assert "no group columns" in found["list_reason"]


def test_what_was_not_given_is_nan():
    table = random_table(0, rows=60)
    found = measure(table, probability=None, stage=None, stage_known=None)
    assert all(math.isnan(found[n]) for n in ("ece", "brier", "ndcg_stage", "pair_accuracy"))
    assert 0 < found["auc"] < 1


def test_an_empty_table_is_nan_throughout():
    table = {key: value[:0] for key, value in random_table(0, rows=5).items()}
    found = measure(table)
    assert found["n"] == 0
    assert all(math.isnan(value) for value in figures(found).values())


def test_precision_recall_and_lift_by_hand():
    # 40 rows, orders at ranks 1, 4 and 9; K is 2 for 5 % and 4 for 10 %.
    score = torch.arange(40, 0, -1).double()
    label, one = torch.zeros(40), torch.ones(40)
    label[[0, 3, 8]] = 1
    found = ranking_metrics(score, label, one)
    assert found["precision@5%"] == pytest.approx(1 / 2)
    assert found["recall@5%"] == pytest.approx(1 / 3)
    assert found["lift@10%"] == pytest.approx((2 / 4) / (3 / 40))
    none = ranking_metrics(score, 0 * label, one)
    assert none["precision@5%"] == 0
    assert math.isnan(none["recall@5%"])
    assert math.isnan(none["lift@10%"])


def test_few_hits_names_the_figures_that_rest_on_fewer_than_ten_orders():
    # 400 rows, the 15 orders on top: K is 1, 4, 20 and 40, holding 1, 4, 15 and 15 of them.
    score = torch.arange(400, 0, -1).double()
    label, one = (score > 385).double(), torch.ones(400)
    few = ranking_metrics(score, label, one)["few_hits"]
    assert few == ["precision@0.1%", "precision@1%"]
    # A weight of 100 makes no more evidence of the same rows.
    assert ranking_metrics(score, label, 100 * one)["few_hits"] == few


def test_bad_values_are_named_all_at_once():
    one = torch.ones(3)
    with pytest.raises(UserError) as error:
        ranking_metrics(one * torch.nan, one * 2, -one, probability=2 * one)
    for name in ("score", "label", "weight", "probability"):
        assert f"3 of 3 values of {name} are not" in str(error.value)
