"""Pooling by the mask: which tokens count, wherever the padding is and whatever its id."""

import numpy as np
import pytest
import torch
from tiny_leads import batch, prompts, tiny

from leadrank.model.encoder import pool


def scaled(vector):
    return vector / vector.square().mean().sqrt()


def hidden(*leads):
    return torch.tensor(leads, dtype=torch.float32)


def test_mean_is_that_of_the_own_tokens_scaled_to_unit_root_mean_square():
    states = hidden([[3.0, 4.0], [1000.0, 0.0], [7.0, 7.0]])
    mask = torch.tensor([[1, 1, 0]])
    expected = (scaled(states[0, 0]) + scaled(states[0, 1])) / 2
    torch.testing.assert_close(pool(states, mask, how="mean")[0], expected)


def test_a_huge_first_state_does_not_drown_the_others():
    states = hidden([[1e4, 0.0], [0.0, 1.0]])
    found = pool(states, torch.ones(1, 2, dtype=torch.long), how="mean")[0]
    assert found[0] == pytest.approx(found[1].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("mask", "last"), [([1, 1, 0], 1), ([0, 1, 1], 2), ([1, 1, 1], 2), ([1, 0, 0], 0)]
)
def test_last_is_the_last_token_of_the_mask(mask, last):
    states = hidden([[1.0, 2.0], [3.0, 4.0], [-1.0, 5.0]])
    found = pool(states, torch.tensor([mask]), how="last")[0]
    torch.testing.assert_close(found, scaled(states[0, last]))


@pytest.mark.parametrize("how", ["mean", "last"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_and_batch_mates_do_not_count(how, side):
    own, other = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)), torch.ones(5, 4)
    padding = torch.full((3, 4), 99.0)
    parts = [padding, own] if side == "left" else [own, padding]
    mask = torch.tensor([[0, 0, 0, 1, 1] if side == "left" else [1, 1, 0, 0, 0], [1] * 5])
    alone = pool(own[None], torch.ones(1, 2, dtype=torch.long), how=how)
    together = pool(torch.stack([torch.cat(parts), other]), mask, how=how)
    torch.testing.assert_close(together[:1], alone)


def test_an_appended_pad_token_is_what_last_reads(tiny_base):
    """As in the released code: another vector than the last word's, and other words follow."""
    encoder, pad_id = tiny(tiny_base, pooling="last").eval(), 2
    plain = batch(prompts())
    closed = batch([np.append(ids, pad_id) for ids in prompts()])
    read = lambda leads: (leads["input_ids"], leads["attention_mask"])  # noqa: E731
    with torch.no_grad():
        found, before = encoder(*read(closed)), encoder(*read(plain))
        hidden = encoder.hidden(*read(closed))
    for row, ids in enumerate(prompts()):
        torch.testing.assert_close(found[row], scaled(hidden[row, len(ids)]))
    assert (found - before).norm() > 0.1 * before.norm()
