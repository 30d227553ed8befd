"""A random decoder that loads in milliseconds, and the embedded one cut to two layers."""

import copy
from pathlib import Path

import pytest
import torch
from tiny_leads import lead_model, train_a_little

from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of four layers, 64 wide, 128 tokens, in a folder."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
    )
    folder = tmp_path_factory.mktemp("base") / "tiny"
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def two_layers(embedded_base: None) -> LeadEncoder:
    """SmolLM2's first two layers in 4 bit, adapted from the second; not to be changed."""
    return LeadEncoder(EncoderSettings(layers=2, adapt_from=1))


@pytest.fixture
def small_model(two_layers: LeadEncoder):
    """A model of `two_layers` whose adapters, tower and linear part all count."""
    torch.manual_seed(0)
    return train_a_little(lead_model(copy.deepcopy(two_layers))).eval()
