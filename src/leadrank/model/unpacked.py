"""Dense copies of a decoder's layers: 4-bit weights unpacked, adapters merged into them."""

import copy
from typing import Any

from torch import nn


def is_dense(trunk: nn.Module) -> bool:
    """Whether all its layers are plain ones: none in 4 bit, none with adapters."""
    return not any(_is_projection(module) for module in trunk.modules())


def is_packed(trunk: nn.Module) -> bool:
    """Whether any of its layers is in 4 bit."""
    import bitsandbytes as bnb

    return any(isinstance(module, bnb.nn.Linear4bit) for module in trunk.modules())


def unpacked(part: nn.Module, *, adapted: bool = True) -> nn.Module:
    """A copy in evaluation mode of a trunk or of a layer, dense and with adapters merged."""
    memo: dict[int, object] = {id(p): p for p in part.parameters() if p.is_floating_point()}
    for module in part.modules():
        if _is_projection(module):
            memo[id(module)] = _merged(module, adapted=adapted)
    return copy.deepcopy(part, memo).eval()


def _is_projection(module: nn.Module) -> bool:
    """A linear layer with adapters around it, or a quantised one without."""
    import bitsandbytes as bnb
    from peft.tuners.lora import LoraLayer

    return isinstance(module, LoraLayer | bnb.nn.Linear4bit)


def _merged(module: Any, *, adapted: bool) -> nn.Linear:
    """The plain linear layer that gives what this one gives: base weight plus adapters."""
    from peft.utils.integrations import dequantize_module_weight

    base = module.get_base_layer() if hasattr(module, "get_base_layer") else module
    dtype = base.compute_dtype if hasattr(base, "compute_dtype") else base.weight.dtype
    weight = dequantize_module_weight(base).detach().to(dtype)
    if adapted and base is not module:
        for name in module.active_adapters:
            weight = weight + module.get_delta_weight(name).detach().to(dtype)
    has_bias = base.bias is not None
    linear = nn.Linear(base.in_features, base.out_features, has_bias, device="meta")
    linear.weight = nn.Parameter(weight, requires_grad=False)
    if has_bias:
        linear.bias = nn.Parameter(base.bias.detach().to(dtype), requires_grad=False)
    return linear
