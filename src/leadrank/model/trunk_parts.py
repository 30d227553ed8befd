"""Runs a decoder's lower layers and its upper layers apart.

Below the lowest adapter nothing ever changes, so the states there are computed once and every
later pass starts from them. `trunk` is any decoder of transformers (no type names its layers).
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn


def lower_states(
    trunk: nn.Module, at: int, input_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """[n t d] states that enter layer `at`."""
    part = _with_layers(trunk, 0, at)
    part._modules["norm"] = nn.Identity()
    return part(
        input_ids=input_ids, attention_mask=attention_mask, use_cache=False
    ).last_hidden_state


def upper_states(trunk: Any, at: int, states: Tensor, attention_mask: Tensor) -> Tensor:
    """[n t d] last states of the trunk from the states that enter layer `at`."""
    part = _with_layers(trunk, at, len(trunk.layers))
    dtype = next(p.dtype for p in trunk.parameters() if p.is_floating_point())
    return part(
        inputs_embeds=states.to(dtype), attention_mask=attention_mask, use_cache=False
    ).last_hidden_state


def one_layer(trunk: Any, number: int, layer: nn.Module) -> Any:
    """The trunk with that one layer, or with what stands for it, and without the last norm."""
    part = _with_layers(trunk, number, number + 1)
    part._modules["layers"] = nn.ModuleList([layer])
    part._modules["norm"] = nn.Identity()
    return part


@torch.no_grad()
def can_part(trunk: Any, at: int) -> bool:
    """Whether the two parts in turn give what the whole trunk gives.

    Not so for decoders that scale whatever enters them; tried, not guessed, and without
    dropout, which would make any two passes differ.
    """
    if not (at > 0 and hasattr(trunk, "layers") and hasattr(trunk, "norm")):
        return False
    was_training = trunk.training
    trunk.eval()
    device = next(trunk.parameters()).device
    ids = torch.arange(16, device=device).view(2, 8) % trunk.config.vocab_size
    mask = torch.ones_like(ids)
    whole = trunk(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    parts = upper_states(trunk, at, lower_states(trunk, at, ids, mask), mask)
    trunk.train(was_training)
    return torch.allclose(whole, parts, rtol=1e-3, atol=1e-3 * float(whole.abs().mean()))


def _with_layers(trunk: Any, start: int, stop: int) -> Any:
    """The trunk with some of its layers, sharing all weights with it."""
    part = copy.copy(trunk)
    part._modules = dict(trunk._modules)
    part._modules["layers"] = nn.ModuleList(trunk.layers[start:stop])
    part.config = copy.copy(trunk.config)
    part.config.num_hidden_layers = stop - start
    # Layers with a sliding window stay those: a short trial would not tell.
    if getattr(trunk.config, "layer_types", None) is not None:
        part.config.layer_types = trunk.config.layer_types[start:stop]
    return part
