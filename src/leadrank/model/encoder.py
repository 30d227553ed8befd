"""The lead encoder: the first layers of a 4-bit decoder with LoRA, pooled to one vector a lead.

The only file that knows bitsandbytes and peft. What is given up: layers above `layers` never
exist; for ranking, the middle of a small decoder is both cheaper and better than its end. The
language-model head is loaded only where an answer to a question is trained.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadrank.errors import UserError
from leadrank.model.base_model import BaseModel, resolve_base
from leadrank.model.trunk_parts import upper_states


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
        _cut_layers(self._config, settings)
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
            trunk, vocabulary = _load_trunk(
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
        self._modules["trunk"] = _with_adapters(trunk, self.settings).train(self.training)

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
        if not _adapted_or_quantised(self.trunk):
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


def _load_trunk(
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
    with _quietly():
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


def _cut_layers(config: object, settings: EncoderSettings) -> None:
    has = config.num_hidden_layers  # type: ignore[attr-defined]
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
    config.num_hidden_layers = wants  # type: ignore[attr-defined]
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = config.layer_types[:wants]  # type: ignore[attr-defined]


def _with_adapters(trunk: Any, settings: EncoderSettings) -> Any:
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


def _is_projection(module: nn.Module) -> bool:
    """A linear layer with adapters around it, or a quantised one without."""
    import bitsandbytes as bnb
    from peft.tuners.lora import LoraLayer

    return isinstance(module, LoraLayer | bnb.nn.Linear4bit)


def _adapted_or_quantised(trunk: nn.Module) -> bool:
    return any(_is_projection(module) for module in trunk.modules())


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


@contextmanager
def _quietly() -> Iterator[None]:
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
