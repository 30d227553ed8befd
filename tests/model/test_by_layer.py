"""A packed encoder that reads many batches layer by layer: the same vectors, unpacked once."""

import pytest
import torch
from tiny_leads import batch, prompts, tiny, train_a_little

from leadrank.model import by_layer
from leadrank.model.by_layer import reads_by_layer, vectors_by_layer
from leadrank.model.trunk_parts import lower_states
from leadrank.model.unpacked import unpacked as unpack


@pytest.fixture
def packed(tiny_base):
    found = tiny(tiny_base, quantisation="nf4")
    train_a_little(found)
    return found.eval()


def batches():
    """Three batches of unlike lengths."""
    return [
        batch(prompts(lengths, seed=k)) for k, lengths in enumerate([(5, 9), (17,), (3, 4)])
    ]


@torch.no_grad()
def one_by_one(encoder, given):
    return [encoder(b["input_ids"], b["attention_mask"], b.get("states")) for b in given]


def test_the_vectors_are_those_of_whole_passes(packed):
    assert reads_by_layer(packed)
    found, expected = vectors_by_layer(packed, batches()), one_by_one(packed, batches())
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_kept_states_enter_where_they_belong(packed):
    given = batches()
    with torch.no_grad():
        given[1]["states"] = lower_states(
            packed.trunk,
            packed.settings.adapt_from,
            given[1]["input_ids"],
            given[1]["attention_mask"],
        )
    found, expected = vectors_by_layer(packed, given), one_by_one(packed, batches())
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_each_layer_is_unpacked_once_however_many_batches_there_are(packed, monkeypatch):
    unpacked = []

    def counted(layer):
        unpacked.append(layer)
        return unpack(layer)

    monkeypatch.setattr(by_layer, "unpacked", counted)
    vectors_by_layer(packed, batches())
    assert unpacked == list(packed.trunk.layers)


def test_a_dense_encoder_has_nothing_to_unpack(packed, tiny_base):
    assert not reads_by_layer(packed.dense())
    assert not reads_by_layer(tiny(tiny_base))
