"""The discriminative head: a linear score over text and fields, and a small tower beside it.

The linear part can start as the fitted probe and the tower starts at zero, so an untrained head
scores exactly as the probe does: what training adds can be told from what it began with.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from leadrank.model.crosses import NO_CROSSES, crossed
from leadrank.model.probe import Probe


@dataclass(frozen=True)
class HeadSettings:
    """The shape of the head.

    Args:
        fields: read the numeric and categorical fields; false leaves all to the prompt, as
            the paper does.
        wide: add a fixed score of the text's words and word pairs, fitted with the probe.
        hidden: width of the tower.
        dropout: dropout in the tower.
    """

    fields: bool = True
    wide: bool = True
    hidden: int = 64
    dropout: float = 0.2


class ScoreHead(nn.Module):
    """One shared score (a logit) from the text vector and the field features.

    `score = w . [fields, products, (text - mean) / scale] + b + tower(fields, text)`

    Args:
        settings: see `HeadSettings`.
        text_width: width of the encoder's vectors.
        field_width: number of field features.
        crosses: which of them are multiplied [c 2]; None: none.
    """

    text_mean: Tensor
    text_scale: Tensor
    crosses: Tensor

    def __init__(
        self,
        settings: HeadSettings,
        text_width: int,
        field_width: int,
        crosses: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.uses_fields = settings.fields and field_width > 0
        width = text_width + (field_width if self.uses_fields else 0)
        crosses = NO_CROSSES if crosses is None or not self.uses_fields else crosses
        # Known from the field features, which are saved beside the weights.
        self.register_buffer("crosses", torch.from_numpy(crosses), persistent=False)
        self.register_buffer("text_mean", torch.zeros(text_width))
        self.register_buffer("text_scale", torch.ones(text_width))
        self.linear = nn.Linear(width + len(crosses), 1)
        self.tower = nn.Sequential(
            nn.Linear(width, settings.hidden),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, 1),
        )
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        for parameter in self.tower[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, text: Float[Tensor, "n d"], fields: Float[Tensor, "n f"]
    ) -> Float[Tensor, "n"]:
        """Scores n leads."""
        inputs = (text - self.text_mean) / self.text_scale
        linear = inputs
        if self.uses_fields:
            inputs = torch.cat([fields, inputs], dim=1)
            linear = torch.cat([fields, crossed(fields, self.crosses), linear], dim=1)
        return (self.linear(linear) + self.tower(inputs)).squeeze(-1)

    @torch.no_grad()
    def start_from(self, probe: Probe) -> None:
        """Makes the head score as the probe does: its scaling and weights, no tower."""
        self.text_mean.copy_(torch.from_numpy(probe.text_mean))
        self.text_scale.copy_(torch.from_numpy(probe.text_scale))
        self.linear.weight.copy_(torch.from_numpy(probe.weight)[None, :])
        self.linear.bias.fill_(probe.bias)
        for parameter in self.tower[-1].parameters():
            parameter.zero_()
