"""The head: the probe to start with, and what it reads."""

import numpy as np
import pytest
import torch

from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.probe import Probe, fit_probe

TEXT, FIELDS = 6, 3


def inputs(seed=0, n=40):
    chance = np.random.default_rng(seed)
    text = chance.normal(2.0, 3.0, (n, TEXT)).astype(np.float32)
    return text, chance.random((n, FIELDS)).astype(np.float32)


def fitted(fields=True):
    text, columns = inputs()
    label = (text[:, 0] + columns[:, 0] * 3 > 3).astype(np.float32)
    columns = columns if fields else columns[:, :0]
    return fit_probe(text, columns, label, np.ones(len(text)), np.arange(len(text)))


def score(head, text, fields):
    with torch.no_grad():
        return head(torch.from_numpy(text), torch.from_numpy(fields)).numpy()


@pytest.mark.parametrize("fields", [True, False])
def test_a_head_that_starts_from_a_probe_scores_as_it_does(fields):
    text, columns = inputs(seed=1)
    probe = fitted(fields)
    head = ScoreHead(HeadSettings(fields=fields, dropout=0.5), TEXT, FIELDS)
    head.start_from(probe)
    expected = probe.score(text, columns if fields else columns[:, :0])
    np.testing.assert_allclose(score(head, text, columns), expected, atol=1e-5)


def test_it_starts_from_it_again_after_training():
    text, columns = inputs(seed=1)
    probe, head = fitted(), ScoreHead(HeadSettings(dropout=0.0), TEXT, FIELDS)
    head.start_from(probe)
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        head(torch.from_numpy(text), torch.from_numpy(columns)).square().mean().backward()
        optimiser.step()
    expected = probe.score(text, columns)
    assert np.abs(score(head, text, columns) - expected).max() > 0.1
    head.start_from(probe)
    np.testing.assert_allclose(score(head, text, columns), expected, atol=1e-5)


def test_the_formula():
    """(2 - 1) / 4 * 8 + 0.5 * 2 + 3 = 6, the tower being zero at first."""
    probe = Probe(
        np.array([1.0], np.float32), np.array([4.0], np.float32),
        np.array([8.0, 2.0], np.float32), 3.0, 1.0, 1.0,
    )  # fmt: skip
    head = ScoreHead(HeadSettings(), 1, 1)
    head.start_from(probe)
    assert head(torch.tensor([[2.0]]), torch.tensor([[0.5]])).item() == pytest.approx(6.0)


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
        (head(text, columns) - 1).square().mean().backward()
        optimiser.step()
    assert all(not torch.equal(p, before[name]) for name, p in head.named_parameters())
