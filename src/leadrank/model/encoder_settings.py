"""What of the base model an encoder uses, and what of it is trained."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EncoderSettings:
    """What of the base model is used and what of it is trained.

    Args:
        base: `smollm2-135m` (embedded), a folder, or a Hugging Face id of any decoder.
        quantisation: `nf4` keeps the base in 4 bit (double quantisation); `none` in full.
        layers: use the first so many layers; null uses all.
        adapt: `lora` trains adapters; `none` leaves the trunk frozen.
        adapt_from: the lowest layer with adapters; below it nothing ever changes.
        lora_rank: rank of the adapters.
        lora_alpha: adapters are scaled by lora_alpha / lora_rank.
        lora_dropout: dropout before the adapters.
        lora_targets: names of the linear layers that get adapters.
        pooling: `mean` over the lead's tokens, or its `last` token.
        gradient_checkpointing: trade time for memory in the backward pass.
    """

    base: str = "smollm2-135m"
    quantisation: Literal["nf4", "none"] = "nf4"
    layers: int | None = 12
    adapt: Literal["lora", "none"] = "lora"
    adapt_from: int = 10
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    pooling: Literal["mean", "last"] = "mean"
    gradient_checkpointing: bool = False
