"""The decoder as its settings ask for it: its first layers, in 4 bit, with LoRA adapters.

This file and `unpacked` alone know bitsandbytes and peft. What is given up: layers above
`layers` never exist. The language-model head is loaded only where an answer to a question is
trained.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from leadrank.errors import UserError
from leadrank.model.base_model import BaseModel
from leadrank.model.encoder_settings import EncoderSettings


def cut_layers(config: Any, settings: EncoderSettings) -> None:
    """Leaves the first `layers` in a base's config; UserError where settings do not fit it."""
    has = config.num_hidden_layers
    wants = has if settings.layers is None else settings.layers
    if not 1 <= wants <= has:
        raise UserError(
            f"model.encoder.layers: {wants}, but {settings.base!r} has {has} layers; give 1 "
            f"to {has}, or null for all"
        )
    if settings.adapt != "none" and not 0 <= settings.adapt_from < wants:
        raise UserError(
            f"model.encoder.adapt_from: {settings.adapt_from}, expected 0 to {wants - 1} with "
            f"layers: {wants}; set both, or adapt: none to train no adapters"
        )
    config.num_hidden_layers = wants
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = config.layer_types[:wants]


def load_trunk(
    base: BaseModel,
    config: Any,
    settings: EncoderSettings,
    device: torch.device,
    compute: torch.dtype,
    *,
    answers: bool,
) -> tuple[Any, nn.Module | None]:
    """The frozen decoder, and its language-model head where it is wanted."""
    from transformers import AutoModel, AutoModelForCausalLM, BitsAndBytesConfig

    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )
    with quietly():
        model = (AutoModelForCausalLM if answers else AutoModel).from_pretrained(
            base.folder,
            config=config,
            dtype=compute,
            device_map={"": device},
            quantization_config=quantisation if settings.quantisation == "nf4" else None,
        )
    _switch_off_repacking(model)
    model.requires_grad_(False)
    trunk: Any = model.base_model if answers else model
    if settings.gradient_checkpointing:
        trunk.activation_checkpointing_enable({"use_reentrant": False})
    # Loaded in eval mode, about which Lightning would warn.
    model.train()
    return trunk, model.get_output_embeddings() if answers else None


def with_adapters(trunk: Any, settings: EncoderSettings) -> Any:
    """The trunk with adapters, in float32, from layer `adapt_from` up, where they are wanted.

    UserError where it has no such targets.
    """
    if settings.adapt == "none":
        return trunk
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=_adapted_names(trunk, settings),
    )
    adapted = inject_adapter_in_model(config, trunk)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def _adapted_names(trunk: nn.Module, settings: EncoderSettings) -> list[str]:
    """Full names, because peft's own choice of layers misses a trunk without a prefix."""
    linear = [name for name, m in trunk.named_modules() if isinstance(m, nn.Linear)]
    if absent := set(settings.lora_targets) - {name.rpartition(".")[2] for name in linear}:
        raise UserError(
            f"model.encoder.lora_targets: {', '.join(sorted(absent))} not in "
            f"{settings.base!r}; its linear layers are "
            + ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
        )
    return [
        name
        for name in linear
        if name.rpartition(".")[2] in settings.lora_targets
        and _layer_of(name) >= settings.adapt_from
    ]


def _layer_of(name: str) -> int:
    """The layer's number in a module's name: 3 for `layers.3.self_attn.q_proj`."""
    return next(int(part) for part in name.split(".") if part.isdigit())


def _switch_off_repacking(trunk: nn.Module) -> None:
    """Keeps bitsandbytes from repacking 4-bit weights in place on CPUs with AVX512-BF16.

    A no-grad forward in eval mode repacks them, and from then on a training forward runs a
    kernel without autograd: nothing fails, and the adapters' gradients are noise.
    """
    for module in trunk.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


@contextmanager
def quietly() -> Iterator[None]:
    """Hides the loader's report of the layers that `layers` cuts off, which is meant."""
    from transformers.utils import logging as transformers_logging

    bars = transformers_logging.is_progress_bar_enabled()
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    bitsandbytes = logging.getLogger("bitsandbytes")
    before = bitsandbytes.level
    bitsandbytes.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        bitsandbytes.setLevel(before)
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
