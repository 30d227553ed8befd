"""A 4-bit encoder reads many batches layer by layer, so that each layer is unpacked once.

On a CPU a forward of a 4-bit layer unpacks it first, which costs more than the product with a
small batch. Here a layer is unpacked, all batches go through it, and it is dropped: what is
given up is memory for the states of all leads on their way, `TOKENS` at most.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from leadrank.model.encoder import LeadEncoder
from leadrank.model.trunk_parts import can_part, lower_states, one_layer
from leadrank.model.unpacked import is_packed, unpacked

#: Tokens on their way at once, padding included: 75 MB of states at a width of 576.
TOKENS = 32_768


def reads_by_layer(encoder: LeadEncoder) -> bool:
    """Whether it pays and is exact: packed weights on a CPU, and a trunk that can be parted."""
    if next(encoder.parameters()).device.type != "cpu" or not is_packed(encoder.trunk):
        return False
    if encoder.parts is None:
        # Tried once: the trial unpacks all layers twice.
        encoder.parts = len(encoder.trunk.layers) == 1 or can_part(encoder.trunk, 1)
    return encoder.parts


@torch.no_grad()
def vectors_by_layer(
    encoder: LeadEncoder, batches: Sequence[Mapping[str, Tensor]]
) -> list[Tensor]:
    """The vectors [n d] of each batch, as `encoder(...)` gives them in evaluation.

    Batches hold `input_ids`, `attention_mask` and perhaps `states`, those that enter the lowest
    adapted layer. Adapters are merged into a layer while it is unpacked.
    """
    trunk, at = encoder.trunk, encoder.settings.adapt_from
    masks = [batch["attention_mask"] for batch in batches]
    begins = [at if "states" in batch else 0 for batch in batches]
    states = [
        batch["states"].to(encoder.compute)
        if "states" in batch
        else lower_states(trunk, 0, batch["input_ids"], batch["attention_mask"])
        for batch in batches
    ]
    for number, packed in enumerate(trunk.layers):
        waiting = [place for place, begin in enumerate(begins) if begin <= number]
        if not waiting:
            continue
        layer = one_layer(trunk, number, unpacked(packed))
        for place in waiting:
            states[place] = layer(
                inputs_embeds=states[place], attention_mask=masks[place], use_cache=False
            ).last_hidden_state
    return [
        encoder.pool(trunk.norm(last), mask) for last, mask in zip(states, masks, strict=True)
    ]
