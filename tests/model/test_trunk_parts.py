"""A trunk in two parts: the same as the whole, or refused."""

import pytest
import torch
from tiny_leads import batch, prompts, tiny
from transformers import LlamaConfig, LlamaModel, Qwen2Config, Qwen2Model

from leadrank.model.trunk_parts import can_part, lower_states, upper_states

SIZES = {
    "vocab_size": 128,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


@torch.no_grad()
def whole_and_parts(trunk, at, ids):
    leads = batch(ids)
    given = {name: leads[name] for name in ("input_ids", "attention_mask")}
    whole = trunk(**given, use_cache=False).last_hidden_state
    states = lower_states(trunk, at, **given)
    parts = upper_states(trunk, at, states, given["attention_mask"])
    own = given["attention_mask"].bool()
    return whole[own], parts[own]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_parts_in_turn_give_the_whole(tiny_base, at):
    trunk = tiny(tiny_base).trunk
    whole, parts = whole_and_parts(trunk, at, prompts())
    torch.testing.assert_close(parts, whole)
    assert can_part(trunk, at)


def test_parting_leaves_the_trunk_whole(tiny_base):
    trunk = tiny(tiny_base).trunk
    can_part(trunk, 2)
    assert len(trunk.layers) == trunk.config.num_hidden_layers == 4
    assert type(trunk.norm).__name__ == "LlamaRMSNorm"


def test_there_is_nothing_below_the_first_layer(tiny_base):
    assert not can_part(tiny(tiny_base, adapt_from=0).trunk, 0)


class ScalesEmbeddings(LlamaModel):
    """As some decoders do: whatever enters, embeddings or states, is scaled first."""

    def forward(self, input_ids=None, inputs_embeds=None, **kwargs):
        embedded = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        return super().forward(inputs_embeds=embedded * 5.0, **kwargs)


def test_a_decoder_that_scales_what_enters_is_not_parted():
    torch.manual_seed(0)
    trunk = ScalesEmbeddings(LlamaConfig(**SIZES))
    whole, parts = whole_and_parts(trunk, 2, prompts())
    assert (whole - parts).abs().max() > 1e-2
    assert not can_part(trunk, 2)


def test_a_trunk_without_layers_of_its_own_is_not_parted():
    assert not can_part(torch.nn.Linear(2, 2), 1)


def test_layers_of_several_kinds_keep_their_kind_in_the_upper_part():
    """A window of 12 shows only on prompts that are longer: no short trial would tell."""
    torch.manual_seed(0)
    kinds = ["full_attention", "full_attention", "sliding_attention", "sliding_attention"]
    config = Qwen2Config(**SIZES, layer_types=kinds, use_sliding_window=True, sliding_window=12)
    trunk = Qwen2Model(config).eval()
    assert can_part(trunk, 2)
    whole, parts = whole_and_parts(trunk, 2, prompts((40, 30)))
    torch.testing.assert_close(parts, whole)


def test_dropout_of_a_trunk_in_training_does_not_hide_that_it_can_be_parted():
    torch.manual_seed(0)
    trunk = LlamaModel(LlamaConfig(**SIZES, attention_dropout=0.5)).train()
    assert can_part(trunk, 2)
    assert trunk.training
