"""An encoder's linear layers in 8 bit for CPUs: a quarter of the fp32 product's time.

Weights have one scale per output, inputs one per token, found as they come: nothing is
calibrated, and a lead's score does not depend on its batch mates. What is given up: the last
digits of a score, some thousandths; norms, attention and the head stay in float32.
"""

import copy

import torch
from torch import Tensor, nn

from leadrank.errors import UserError
from leadrank.model.encoder import LeadEncoder
from leadrank.model.lead_model import LeadModel

LARGEST = 127


class TokenCodes:
    """The last input as int8 codes, for the several layers that read the same one."""

    def __init__(self) -> None:
        self._input: Tensor | None = None
        self._codes: tuple[Tensor, Tensor] | None = None

    def of(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Codes [m d] and the scale of each token [m 1]."""
        if self._input is not states or self._codes is None:
            self._input, self._codes = states, _codes(states.flatten(0, -2).float())
        return self._codes


class Int8Linear(nn.Module):
    """A linear layer on int8 codes: `y = (code_x code_w) scale_x scale_w + bias`.

    Args:
        linear: the layer that it stands for.
        tokens: where inputs become codes; shared by the layers of a decoder.
    """

    codes: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear, tokens: TokenCodes) -> None:
        super().__init__()
        codes, scale = _codes(linear.weight.detach().float())
        self.register_buffer("codes", codes.t().contiguous(), persistent=False)
        self.register_buffer("scale", scale.flatten(), persistent=False)
        self.bias, self.tokens = linear.bias, tokens

    def forward(self, states: Tensor) -> Tensor:
        """[... out] of [... in]."""
        codes, scale = self.tokens.of(states)
        product = torch._int_mm(codes, self.codes).float().mul_(scale).mul_(self.scale)
        if self.bias is not None:
            product += self.bias
        return product.view(*states.shape[:-1], -1).to(states.dtype)


def int8_model(model: LeadModel) -> LeadModel:
    """A copy for no-grad passes whose decoder's linear layers are in 8 bit.

    Raises UserError on a GPU, where the kernel is not used.
    """
    if next(model.parameters()).device.type != "cpu":
        raise UserError("engine int8: it is for CPUs; take the dense engine on a GPU")
    twin = copy.copy(model)
    twin._modules = {"encoder": int8_encoder(model.encoder), "head": model.head}
    return twin


def int8_encoder(encoder: LeadEncoder) -> LeadEncoder:
    """As `int8_model`, of the encoder alone; embeddings and norms are shared with it."""
    dense = encoder.dense()
    memo: dict[int, object] = {id(p): p for p in dense.trunk.parameters()}
    tokens = TokenCodes()
    for module in dense.trunk.modules():
        if isinstance(module, nn.Linear):
            memo[id(module)] = Int8Linear(module, tokens)
    twin = copy.copy(dense)
    twin._modules = {"trunk": copy.deepcopy(dense.trunk, memo).eval()}
    return twin


def _codes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -127 to 127 [m d], and what each row's ones stand for [m 1]."""
    scale = rows.abs().amax(1, keepdim=True).clamp_(min=1e-12).div_(LARGEST)
    return (rows / scale).round_().to(torch.int8), scale
