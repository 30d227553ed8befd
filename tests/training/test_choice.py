"""Training is kept where it gained clearly on validation: by AUC, drawn over leads."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from leadrank.training.choice import earns_its_keep, gain_on_validation
from leadrank.training.finish import _select


def validation(label, lead=None):
    """A data module whose rows 1 and on are its validation part."""
    label = torch.cat([torch.zeros(1), torch.as_tensor(label, dtype=torch.float32)])
    lead = torch.arange(len(label)) if lead is None else torch.as_tensor([-1, *lead])
    rows = SimpleNamespace(label=label, weight=torch.ones(len(label)), lead=lead)
    return SimpleNamespace(rows=rows, positions=lambda part: np.arange(1, len(label)))


def test_the_gain_is_in_auc():
    """Two orders, two others: the start has 3 of 4 pairs right, the other all 4."""
    data = validation([1, 1, 0, 0])
    gain = gain_on_validation(data, [4.0, 3.0, 2.0, 1.0], [4.0, 2.0, 3.0, 1.0])
    assert gain.difference == pytest.approx(0.25)


def test_a_clear_gain_earns_its_keep_and_a_loss_does_not():
    label = np.arange(300) % 3 == 0
    noise = np.random.default_rng(0).normal(size=300)
    knows, guesses = noise + 2 * label, noise
    data = validation(label)
    assert earns_its_keep(data, knows, guesses)
    assert not earns_its_keep(data, guesses, knows)
    assert not earns_its_keep(data, knows, knows)


def test_of_equals_one_in_forty_passes():
    """Both know the truth up to noise of their own."""
    random = np.random.default_rng(0)
    label = np.arange(200) % 5 == 0
    data, kept = validation(label), 0
    for _ in range(40):
        truth = random.normal(size=200) + label
        trained, start = (truth + 0.5 * random.normal(size=200) for _ in range(2))
        kept += earns_its_keep(data, trained, start)
    assert kept <= 3


def test_repeated_rows_of_a_lead_are_no_more_evidence():
    """One order in four is ranked better, of 400 leads or of 24 seen again and again."""
    label, start = np.tile([1, 1, 1, 1, 0, 0, 0, 0], 50), np.tile([5, 5, 5, 1, 2, 2, 2, 2], 50)
    trained = np.tile([5, 5, 5, 5, 2, 2, 2, 2], 50)
    each, few = np.arange(400), np.arange(400) % 24
    assert earns_its_keep(validation(label, each), trained, start)
    assert not earns_its_keep(validation(label, few), trained, start)


@pytest.mark.parametrize(("orders", "kept"), [(9, False), (10, True)])
def test_fewer_than_ten_orders_keep_nothing(orders, kept):
    label = np.arange(300) < orders
    noise = np.random.default_rng(0).normal(size=300)
    assert earns_its_keep(validation(label), noise + 9 * label, noise) == kept


def test_a_run_keeps_what_was_trained_only_where_that_is_clear():
    label = np.arange(300) % 3 == 0
    noise = np.append(0, np.random.default_rng(0).normal(size=300))
    data, knows = validation(label), noise + 2 * np.append(0, label)
    for trained, kept in ((knows, "finetuned"), (noise, "probe")):
        assert _select(data, {"finetuned": trained, "probe": noise}, "probe") == kept
