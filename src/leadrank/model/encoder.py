"""The lead encoder: a decoder's token states, pooled to one vector a lead.

For ranking, the middle of a small decoder is both cheaper and better than its end.
"""

import copy
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadrank.model.base_model import BaseModel, resolve_base
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.trunk import cut_layers, load_trunk, with_adapters
from leadrank.model.trunk_parts import upper_states
from leadrank.model.unpacked import is_dense, unpacked


class LeadEncoder(nn.Module):
    """Reads leads' token ids and gives one vector a lead.

    `vocabulary` is the language-model head, where it was asked for; `parts` whether layers can
    be run apart, once somebody has tried.

    Args:
        settings: see `EncoderSettings`.
        device: where the base is quantised; bitsandbytes does it on arrival there.
        compute: dtype of the products; by default bfloat16 on a GPU and float32 on a CPU,
            where bfloat16 is slow or not there.
        revision: of a base from the Hugging Face hub; None takes the newest.
        answers: load the language-model head too, frozen, for `words`.

    Raises:
        UserError: the base cannot be found, or `layers`, `adapt_from` or `lora_targets` do not
            fit it.
    """

    vocabulary: nn.Module
    parts: bool | None = None

    def __init__(
        self,
        settings: EncoderSettings,
        device: torch.device | str = "cpu",
        *,
        compute: torch.dtype | None = None,
        revision: str | None = None,
        answers: bool = False,
    ) -> None:
        super().__init__()
        from transformers import AutoConfig

        self.settings = settings
        self.base: BaseModel = resolve_base(settings.base, revision)
        self._device, self._answers = torch.device(device), answers
        on_gpu = self._device.type == "cuda"
        self.compute = compute or (torch.bfloat16 if on_gpu else torch.float32)
        self._config = AutoConfig.from_pretrained(self.base.folder)
        cut_layers(self._config, settings)
        self.width: int = self._config.hidden_size
        if settings.adapt != "none":
            self._load()

    @property
    def trunk(self) -> Any:
        """The decoder. One without adapters is loaded when it is first read: where all its
        vectors are kept on disk, a run never does.
        """
        if "trunk" not in self._modules:
            self._load()
        return self._modules["trunk"]

    def _load(self) -> None:
        # Weights that a pass without gradients loads must not be bound to such passes.
        with torch.inference_mode(False):
            trunk, vocabulary = load_trunk(
                self.base,
                self._config,
                self.settings,
                self._device,
                self.compute,
                answers=self._answers,
            )
        if vocabulary is not None:
            self.vocabulary = vocabulary
        # Straight into the modules: nn.Module would not assign over a property.
        self._modules["trunk"] = with_adapters(trunk, self.settings).train(self.training)

    def forward(
        self,
        input_ids: Int[Tensor, "n t"],
        attention_mask: Int[Tensor, "n t"],
        states: Float[Tensor, "n t d"] | None = None,
    ) -> Float[Tensor, "n d"]:
        """Pools the last hidden states of each lead's own tokens, in float32.

        With `states`, those that enter layer `adapt_from`, the layers below are not run.
        """
        hidden = self.hidden(input_ids, attention_mask, states)
        return self.pool(hidden, attention_mask)

    def hidden(
        self,
        input_ids: Int[Tensor, "n t"],
        attention_mask: Int[Tensor, "n t"],
        states: Float[Tensor, "n t d"] | None = None,
    ) -> Float[Tensor, "n t d"]:
        """The last hidden states, after the final norm."""
        if states is None:
            return self.trunk(
                input_ids=input_ids, attention_mask=attention_mask, use_cache=False
            ).last_hidden_state
        return upper_states(self.trunk, self.settings.adapt_from, states, attention_mask)

    def pool(
        self, hidden: Float[Tensor, "n t d"], attention_mask: Int[Tensor, "n t"]
    ) -> Float[Tensor, "n d"]:
        """One vector a lead, in float32; see the function `pool`."""
        return pool(hidden.float(), attention_mask, how=self.settings.pooling)

    def words(
        self, hidden: Float[Tensor, "n t d"], attention_mask: Int[Tensor, "n t"]
    ) -> Float[Tensor, "n v"]:
        """Logits of the token that would come after each lead's last one.

        The language-model head reads one position of each lead, not all. With `layers` cut it
        reads a middle layer through the final norm (the logit lens), which it was not trained
        on. Decoders that rescale their logits afterwards (Gemma 2, Granite) are read unscaled.
        """
        return self.vocabulary(_at_last(hidden, attention_mask)).float()

    def dense(self, *, adapted: bool = True) -> "LeadEncoder":
        """A copy for no-grad passes, its weights unpacked and the adapters merged, once.

        On CPU each forward of a 4-bit layer unpacks it again, which costs more than the
        product itself. Embeddings and norms are shared with this encoder, not copied. With
        `adapted=False` the adapters are left out: the frozen trunk, whatever was trained.
        """
        if is_dense(self.trunk):
            return self
        twin = copy.copy(self)
        twin._modules = {"trunk": unpacked(self.trunk, adapted=adapted)}
        return twin

    def compile_layers(self, backend: str = "inductor") -> None:
        """Compiles each layer where it stands (`torch.compile`), for any number of tokens.

        Names of weights stay, and parts of the trunk share the compiled layers; dense copies
        are not compiled.
        """
        for layer in self.trunk.layers:
            layer.compile(backend=backend, dynamic=True)

    @torch.no_grad()
    def reset_adapters(self) -> None:
        """Makes the adapters change nothing, as before training: their outer factor is zero."""
        for name, parameter in self.named_parameters():
            if ".lora_B." in name:
                parameter.zero_()


def pool(
    hidden: Float[Tensor, "n t d"],
    attention_mask: Int[Tensor, "n t"],
    *,
    how: Literal["mean", "last"],
) -> Float[Tensor, "n d"]:
    """Pools token states by the attention mask, never by "last token that is not pad".

    `mean`: average over the lead's tokens of the states scaled to unit root mean square, so
    that the huge first-token state of many decoders does not drown the others. `last`: the
    state of the last token with mask 1, scaled likewise.
    """
    states = nn.functional.rms_norm(hidden, hidden.shape[-1:])
    mask = attention_mask.to(states.dtype)
    if how == "mean":
        return torch.einsum("ntd,nt->nd", states, mask) / mask.sum(1, keepdim=True)
    return _at_last(states, attention_mask)


def _at_last(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """[n d] at the last token with mask 1, wherever the padding is."""
    position = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    last = (attention_mask * position).argmax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), last]
