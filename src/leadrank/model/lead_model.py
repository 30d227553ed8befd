"""The whole model as one module: leads in, scores out, each lead encoded once."""

import copy
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from leadrank.model.encoder import LeadEncoder
from leadrank.model.head import HeadOutput, ScoreHead


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
        """Scores (logits) of the n leads of a batch: what they are ranked by."""
        return self.read(batch).score

    def read(self, batch: Mapping[str, Tensor], *, words: bool = False) -> HeadOutput:
        """All that the model says of a batch's n leads; with `words`, of their next token too.

        With `vectors`, what the encoder would say of the leads, it is not asked; `wide` is the
        wide branch's part of the score.
        """
        fields, wide = batch["fields"], batch["wide"]
        if "vectors" in batch:
            return self.head(batch["vectors"], fields, wide)
        mask = batch["attention_mask"]
        hidden = self.encoder.hidden(batch["input_ids"], mask, batch.get("states"))
        output = self.head(self.encoder.pool(hidden, mask), fields, wide)
        return output._replace(words=self.encoder.words(hidden, mask)) if words else output

    def vectors(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "n d"]:
        """The encoder's vectors of a batch's n leads, or those that the batch brings."""
        if "vectors" in batch:
            return batch["vectors"]
        return self.encoder(batch["input_ids"], batch["attention_mask"], batch.get("states"))

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
