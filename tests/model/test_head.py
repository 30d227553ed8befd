"""The head: the probe to start with, and what it reads."""

import numpy as np
import pytest
import torch
from tiny_head import CROSSES, FIELDS, TEXT, fitted, inputs

from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.probe import Penalties, Probe


def score(head, text, fields):
    with torch.no_grad():
        return head(torch.from_numpy(text), torch.from_numpy(fields)).score.numpy()


@pytest.mark.parametrize("fields", [True, False])
def test_a_head_that_starts_from_a_probe_scores_as_it_does(fields):
    text, columns = inputs(seed=1)
    probe = fitted(fields)
    head = ScoreHead(HeadSettings(fields=fields, dropout=0.5), TEXT, FIELDS, CROSSES)
    head.start_from(probe)
    expected = probe.score(text, columns if fields else columns[:, :0])
    np.testing.assert_allclose(score(head, text, columns), expected, atol=1e-5)


def test_it_starts_from_it_again_after_training():
    text, columns = inputs(seed=1)
    probe = fitted()
    head = ScoreHead(HeadSettings(dropout=0.0), TEXT, FIELDS, CROSSES)
    head.start_from(probe)
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        found = head(torch.from_numpy(text), torch.from_numpy(columns)).score
        found.square().mean().backward()
        optimiser.step()
    expected = probe.score(text, columns)
    assert np.abs(score(head, text, columns) - expected).max() > 0.1
    head.start_from(probe)
    np.testing.assert_allclose(score(head, text, columns), expected, atol=1e-5)


def test_the_formula():
    """0.5 * 2 + 0.25 * 4 + 0.5 * 0.25 * 8 + (2 - 1) / 4 * 8 + 3 = 8; the tower is zero."""
    probe = Probe(
        np.array([1.0], np.float32), np.array([4.0], np.float32), np.array([[0, 1]]),
        np.array([2.0, 4.0, 8.0, 8.0], np.float32), 3.0, np.zeros(0, np.float32),
        Penalties(1.0, 1.0, 1.0, np.inf, np.inf),
    )  # fmt: skip
    text, fields = torch.tensor([[2.0]]), torch.tensor([[0.5, 0.25]])
    head = ScoreHead(HeadSettings(), 1, 2, probe.crosses)
    head.start_from(probe)
    assert head(text, fields).score.item() == pytest.approx(8.0)
    assert probe.score(text.numpy(), fields.numpy()) == pytest.approx(8.0)


def test_without_fields_they_do_not_count():
    text, columns = inputs()
    head = ScoreHead(HeadSettings(fields=False), TEXT, FIELDS).eval()
    torch.nn.init.normal_(head.linear.weight)
    np.testing.assert_array_equal(score(head, text, columns), score(head, text, columns * 0))


def test_every_part_of_the_head_trains_from_the_first_or_second_step():
    """The tower's outer layer starts at zero, so its inner one moves one step later."""
    text, columns = (torch.from_numpy(x) for x in inputs())
    head = ScoreHead(HeadSettings(dropout=0.0), TEXT, FIELDS)
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    before = {name: p.detach().clone() for name, p in head.named_parameters()}
    for _ in range(2):
        optimiser.zero_grad()
        (head(text, columns).score - 1).square().mean().backward()
        optimiser.step()
    assert all(not torch.equal(p, before[name]) for name, p in head.named_parameters())
