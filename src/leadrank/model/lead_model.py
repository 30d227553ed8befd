"""The whole model as one module: leads in, scores out, each lead encoded once."""

import copy
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from leadrank.model.encoder import LeadEncoder
from leadrank.model.head import ScoreHead


class LeadModel(nn.Module):
    """An encoder and a head; the batch's keys are those of docs/architecture.md.

    Args:
        encoder: reads the tokens.
        head: turns text vectors and field features into scores.
    """

    def __init__(self, encoder: LeadEncoder, head: ScoreHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "n"]:
        """Scores (logits) of the n leads of a batch.

        With `vectors`, what the encoder would say of the leads, it is not asked; `wide` is the
        wide branch's part of the score.
        """
        text = batch.get("vectors")
        if text is None:
            ids, mask = batch["input_ids"], batch["attention_mask"]
            text = self.encoder(ids, mask, batch.get("states"))
        return self.head(text, batch["fields"]) + batch["wide"]

    def dense(self) -> "LeadModel":
        """A copy for no-grad passes: see `LeadEncoder.dense`; the head is shared."""
        twin = copy.copy(self)
        twin._modules = {"encoder": self.encoder.dense(), "head": self.head}
        return twin

    def learned_state(self) -> dict[str, Tensor]:
        """Adapters and head by name: all that training can change, and the head's scaling."""
        names = {name for name, p in self.named_parameters() if p.requires_grad}
        return {
            name: tensor
            for name, tensor in self.state_dict().items()
            if name in names or name.startswith("head.")
        }

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Takes over what `learned_state` gave, and nothing less.

        A name too few or too many means another architecture, and the layer that it stands for
        would silently stay random: that is a ValueError here.
        """
        expected = self.learned_state()
        missing, unknown = expected.keys() - state.keys(), state.keys() - expected.keys()
        if missing or unknown:
            raise ValueError(
                f"weights do not fit this model: missing {sorted(missing)[:5]}, unknown "
                f"{sorted(unknown)[:5]} ({len(missing)} and {len(unknown)} in all); they were "
                "saved with other encoder or head settings"
            )
        for name, tensor in expected.items():
            tensor.copy_(state[name])
