"""Every kind of head: what it starts as, what ranks, and which loss trains what."""

import numpy as np
import pytest
import tiny_head
import torch
from tiny_head import CROSSES, FIELDS, TEXT, fitted

from leadrank.errors import UserError
from leadrank.model.crosses import NO_CROSSES
from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.probe import fit_probe
from leadrank.preference.corn import corn_score

STAGES = 4
KINDS = {
    "shared": {},
    "by labels": {"kind": "separate", "rank_by": "pointwise"},
    "by pairs": {"kind": "separate", "rank_by": "pairwise"},
    "frozen": {"kind": "separate", "rank_by": "pointwise", "train_pairwise": False},
    "corn": {"kind": "corn"},
}
kinds = pytest.mark.parametrize("kind", KINDS)


def inputs(seed=0):
    """With the wide branch's part of each score."""
    text, fields = tiny_head.inputs(seed)
    wide = np.random.default_rng(seed + 100).normal(size=len(text)).astype(np.float32)
    return tuple(map(torch.from_numpy, (text, fields, wide)))


def head_of(kind, **settings):
    torch.manual_seed(0)
    chosen = HeadSettings(**{"hidden": 8, "dropout": 0.0, **KINDS[kind], **settings})
    return ScoreHead(chosen, TEXT, FIELDS, CROSSES, STAGES)


@pytest.fixture(scope="module")
def probe():
    return fitted()


def train(head, loss_of, steps=3):
    text, fields, wide = inputs()
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(head(text, fields, wide)).backward()
        optimiser.step()
    return head


def moved(head, loss_of):
    """Names of the parameters that some steps change."""
    before = {name: p.detach().clone() for name, p in head.named_parameters()}
    train(head, loss_of)
    return {name for name, p in head.named_parameters() if not torch.equal(p, before[name])}


@kinds
def test_every_kind_starts_as_the_probe(kind, probe):
    text, fields, wide = inputs(seed=1)
    head = head_of(kind)
    head.start_from(probe)
    expected = torch.from_numpy(probe.score(text.numpy(), fields.numpy())) + wide
    with torch.no_grad():
        found = head(text, fields, wide)
    for name in ("score", "pointwise", "pairwise"):
        torch.testing.assert_close(getattr(found, name), expected, rtol=0, atol=1e-4)
    if kind == "corn":
        assert found.steps.shape == (40, STAGES - 1)


@kinds
@pytest.mark.parametrize("paper", [False, True])
def test_the_probe_of_any_trained_head_scores_as_the_probe(kind, paper, probe):
    settings = {"linear": False, "start": "random"} if paper else {}
    head = train(head_of(kind, **settings), lambda out: out.score.square().mean())
    text, fields, wide = inputs(seed=1)
    found = head.as_probe(probe)(text, fields, wide).score
    expected = torch.from_numpy(probe.score(text.numpy(), fields.numpy())) + wide
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_the_probe_of_a_head_without_fields_has_none():
    text, fields, _ = inputs()
    found = fit_probe(
        text.numpy(), np.zeros((40, 0), "f"), NO_CROSSES, (text[:, 0] > 2).float().numpy(),
        np.ones(40), np.arange(40),
    )  # fmt: skip
    head = ScoreHead(HeadSettings(fields=False), TEXT, FIELDS)
    scores = head.as_probe(found)(text, fields).score.detach()
    expected = found.score(text.numpy(), np.zeros((40, 0), "f"))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_separate_heads_train_apart_and_the_chosen_one_ranks():
    label_side, pair_side = {"linear", "tower"}, {"pair_linear", "pair_tower"}
    for by, loss_of, side in (
        ("labels", lambda out: (out.pointwise - 1).square().mean(), label_side),
        ("pairs", lambda out: (out.pairwise - 1).square().mean(), pair_side),
    ):
        head = head_of(f"by {by}")
        assert {name.split(".")[0] for name in moved(head, loss_of)} == side
        found = head(*inputs(seed=1))
        ranks = found.pointwise if by == "labels" else found.pairwise
        assert torch.equal(found.score, ranks)
        assert not torch.equal(found.pointwise, found.pairwise)


def test_a_frozen_pairwise_head_stays_and_still_shapes_what_it_reads():
    head = head_of("frozen", start="random")
    assert not moved(head, lambda out: (out.pairwise - 1).square().mean() + 0 * out.score.sum())
    text, fields, wide = inputs()
    text.requires_grad_()
    head(text, fields, wide).pairwise.sum().backward()
    assert text.grad.abs().sum() > 0


def test_the_score_of_corn_is_that_of_its_steps_and_each_step_moves_alone():
    head = train(head_of("corn"), lambda out: (out.steps[:, 1] - 2).square().mean())
    out = head(*inputs(seed=1))
    torch.testing.assert_close(out.score, corn_score(out.steps))
    untrained = head_of("corn")(*inputs(seed=1)).steps
    torch.testing.assert_close(out.steps[:, 0], untrained[:, 0], rtol=0, atol=1e-6)
    assert (out.steps[:, 1] - untrained[:, 1]).abs().min() > 1e-3


def test_the_head_of_the_paper_is_the_tower_alone():
    """Linear(d, hidden) - GELU - Dropout - Linear(hidden, 1), at random, on the text alone."""
    head = head_of("shared", linear=False, start="random", fields=False)
    text, fields, _ = inputs()
    first, gelu, dropout, last = head.tower
    expected = last(dropout(gelu(first(text)))).squeeze(-1)
    torch.testing.assert_close(head(text, fields).score, expected)
    assert sum(p.numel() for p in head.parameters()) == TEXT * 8 + 8 + 8 + 1
    assert expected.std() > 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "separate"}, r"model.head.rank_by: null"),
        ({"rank_by": "pairwise"}, r"rank_by: pairwise, but kind shared has one score"),
        ({"kind": "corn", "rank_by": "pointwise"}, "kind corn has one score"),
        ({"train_pairwise": False}, "has no pairwise head"),
        (
            {"kind": "separate", "rank_by": "pairwise", "train_pairwise": False},
            "leaves the head that ranks untrained",
        ),
        ({"linear": False}, "start: probe needs the linear part"),
        ({"hidden": 0, "dropout": 1.0}, r"hidden: 0.*\n.*dropout: 1.0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        HeadSettings(**settings)
