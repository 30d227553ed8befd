"""An encoder's linear layers in fewer bits, for faster scoring on a CPU.

`bfloat16`: inputs, weights and each layer's outputs are rounded to 8 binary digits; products
are summed in float32. It pays on CPUs that multiply bfloat16 (AVX512-BF16, AMX).

`int8`: weights have one scale per output, inputs one per token, found as they come: nothing is
calibrated. A token with one value far above its others would lose the others to that scale, so
what its rounding leaves is coded and multiplied too (LLM.int8(), arXiv 2208.07339, keeps such
*columns* apart). What is given up in both: the last digits of a score, more of them with int8.

Norms, attention, the sums over layers and the head stay in float32.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from leadrank.errors import UserError
from leadrank.model.encoder import LeadEncoder
from leadrank.model.lead_model import LeadModel

LARGEST = 127
#: A token whose largest input is over so many times their root mean square is coded twice. Its
#: rounding error, uniform over steps of largest / 127, would be over 20 / (127 sqrt(12)), that
#: is 4.5 %, of that mean.
OUTLIER = 20


class Converted:
    """The last input, converted once for the several layers that read the same one.

    An input is known by its identity: one that is changed in place is not converted anew.
    """

    def __init__(self, convert: Callable[[Tensor], Any]) -> None:
        self._convert = convert
        self._input: Tensor | None = None
        self._result: Any = None

    def of(self, states: Tensor) -> Any:
        """What `convert` makes of states [... d]."""
        if self._input is not states:
            self._input, self._result = states, self._convert(states)
        return self._result


class Bfloat16Linear(nn.Module):
    """A linear layer on rounded numbers: `y = bf16(bf16(x) bf16(w)) + bias`.

    Args:
        linear: the layer that it stands for.
        inputs: where inputs are rounded; shared by the layers of a decoder.
    """

    weight: Tensor

    def __init__(self, linear: nn.Linear, inputs: Converted) -> None:
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().bfloat16(), persistent=False)
        self.bias, self.inputs = linear.bias, inputs

    @staticmethod
    def convert(states: Tensor) -> Tensor:
        """Rounded to 8 binary digits."""
        return states.bfloat16()

    def forward(self, states: Tensor) -> Tensor:
        """[... out] of [... in]."""
        product = nn.functional.linear(self.inputs.of(states), self.weight).to(states.dtype)
        return product if self.bias is None else product.add_(self.bias)


class Int8Linear(nn.Module):
    """A linear layer on int8 codes: `y = (code_x code_w) scale_x scale_w + bias`.

    Args:
        linear: the layer that it stands for.
        inputs: where inputs become codes; shared by the layers of a decoder.
    """

    codes: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear, inputs: Converted) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = _scale(weight)
        codes = (weight / scale).round_().to(torch.int8)
        self.register_buffer("codes", codes.t().contiguous(), persistent=False)
        self.register_buffer("scale", scale.flatten(), persistent=False)
        self.bias, self.inputs = linear.bias, inputs

    @staticmethod
    def convert(states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes of m tokens, then of what r of them lost; scales [m + r, 1]; which r."""
        tokens = states.flatten(0, -2).float()
        scale = _scale(tokens)
        size = torch.linalg.vector_norm(tokens, dim=1) / tokens.shape[1] ** 0.5
        twice = (scale.flatten() * LARGEST > OUTLIER * size).nonzero().flatten()
        count = len(tokens)
        codes = tokens.new_empty(count + len(twice), tokens.shape[1], dtype=torch.int8)
        codes[:count] = (tokens / scale).round_()
        left = tokens[twice] - codes[twice] * scale[twice]
        left_scale = _scale(left)
        codes[count:] = (left / left_scale).round_()
        return codes, torch.cat([scale, left_scale]), twice

    def forward(self, states: Tensor) -> Tensor:
        """[... out] of [... in]."""
        codes, scale, twice = self.inputs.of(states)
        products = scale.new_empty(len(codes), len(self.scale))
        # A second matrix of whole numbers would cost as much memory again, and the time to get
        # it. Each becomes a float in its own four bytes, so none is overwritten unread.
        whole = products.view(torch.int32)
        torch._int_mm(codes, self.codes, out=whole)
        products.copy_(whole).mul_(scale)
        count = len(codes) - len(twice)
        product = products[:count].index_add_(0, twice, products[count:]).mul_(self.scale)
        if self.bias is not None:
            product += self.bias
        return product.view(*states.shape[:-1], len(self.scale)).to(states.dtype)


LAYERS: dict[str, type[Bfloat16Linear | Int8Linear]] = {
    "bfloat16": Bfloat16Linear,
    "int8": Int8Linear,
}


def cpu_engine(model: LeadModel, engine: str) -> LeadModel:
    """A copy for no-grad passes whose decoder has the linear layers of an engine in LAYERS.

    Raises UserError on a GPU, where dense products are in bfloat16 already, and for int8 on a
    CPU without exact int8 products.
    """
    if next(model.parameters()).device.type != "cpu":
        raise UserError(f"engine {engine}: it is for CPUs; take the dense engine on a GPU")
    twin = copy.copy(model)
    twin._modules = {"encoder": cpu_encoder(model.encoder, engine), "head": model.head}
    return twin


def engines() -> list[str]:
    """Those in LAYERS that this CPU has."""
    return [engine for engine in LAYERS if engine != "int8" or exact_products()]


def exact_products() -> bool:
    """Whether this CPU's int8 products of the largest codes are their sums.

    x86 CPUs without VNNI add pairs of products in 16 bits, where two such are cut off.
    """
    largest = torch.full((64, 64), LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(largest, largest) == 64 * LARGEST**2).all())


def cpu_encoder(encoder: LeadEncoder, engine: str) -> LeadEncoder:
    """As `cpu_engine`, of the encoder alone; embeddings and norms are shared with it."""
    if engine == "int8" and not exact_products():
        raise UserError(
            "engine int8: this CPU cuts sums of int8 products off, as x86 CPUs without VNNI "
            "or AMX do, so scores would be wrong; take --engine dense"
        )
    dense, layer = encoder.dense(), LAYERS[engine]
    memo: dict[int, object] = {id(p): p for p in dense.trunk.parameters()}
    inputs = Converted(layer.convert)
    for module in dense.trunk.modules():
        if isinstance(module, nn.Linear):
            memo[id(module)] = layer(module, inputs)
    twin = copy.copy(dense)
    twin._modules = {"trunk": copy.deepcopy(dense.trunk, memo).eval()}
    return twin


def _scale(rows: Tensor) -> Tensor:
    """What a step of one is worth if the largest of each row is 127 steps [m 1], of [m d]."""
    largest = torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True))
    return largest.clamp_(min=1e-12).div_(LARGEST)
