"""The int8 trunk: nearly the dense one's vectors, and a lead's own whatever is beside it."""

import pytest
import torch
from tiny_leads import batch, lead_model, prompts, tiny, train_a_little
from torch import nn

from leadrank.errors import UserError
from leadrank.model.int8 import Int8Linear, TokenCodes, int8_encoder, int8_model
from leadrank.model.rows import pad


def test_a_layer_gives_the_product_of_its_codes():
    linear = nn.Linear(2, 1)
    linear.weight.data = torch.tensor([[1.0, -0.5]])
    linear.bias.data = torch.tensor([0.25])
    states = torch.tensor([[2.0, 1.0]])
    # Weights: scale 1/127, codes 127 and -64 (-63.5 to even). Input: 2/127, codes 127 and 64.
    expected = (127 * 127 - 64 * 64) * (2 / 127) * (1 / 127) + 0.25
    given = Int8Linear(linear, TokenCodes())(states)
    assert given.item() == pytest.approx(expected, abs=1e-6)


def test_a_token_of_zeros_gives_the_bias():
    linear = nn.Linear(3, 2)
    given = Int8Linear(linear, TokenCodes())(torch.zeros(1, 3))
    torch.testing.assert_close(given[0], linear.bias)


def test_layers_that_share_an_input_make_its_codes_once():
    tokens, states = TokenCodes(), torch.randn(4, 3)
    first, again = tokens.of(states), tokens.of(states)
    assert first is again
    assert tokens.of(states.clone()) is not first


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_vectors_are_nearly_the_dense_ones(tiny_base, quantisation):
    encoder = train_a_little(tiny(tiny_base, quantisation=quantisation)).eval()
    ids, mask = pad(prompts())
    with torch.no_grad():
        dense, int8 = encoder.dense()(ids, mask), int8_encoder(encoder)(ids, mask)
    assert torch.cosine_similarity(dense, int8).min() > 0.99
    assert not torch.equal(dense, int8)


def test_a_leads_score_does_not_depend_on_its_batch_mates(tiny_base):
    model = int8_model(lead_model(tiny(tiny_base)).eval())
    together = batch(prompts())
    alone = batch(prompts()[:1], fields=together["fields"][:1])
    with torch.no_grad():
        torch.testing.assert_close(model(together)[:1], model(alone), atol=1e-5, rtol=0)


def test_the_model_that_it_copies_is_left_alone(tiny_base):
    model = lead_model(tiny(tiny_base)).eval()
    together = batch(prompts())
    with torch.no_grad():
        before = model(together)
        int8_model(model)(together)
        assert torch.equal(model(together), before)


def test_a_gpu_is_refused(tiny_base):
    model = lead_model(tiny(tiny_base)).to("meta")
    with pytest.raises(UserError, match="for CPUs"):
        int8_model(model)
