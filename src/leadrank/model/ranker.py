"""The LightningModule: wires model, losses and optimiser; the maths is in the floors below."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leadrank.errors import UserError
from leadrank.funnel import Funnel
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadOutput, HeadSettings, ScoreHead
from leadrank.model.lead_model import LeadModel
from leadrank.model.schedule import OptimiserSettings, rate_factor
from leadrank.model.tier_gate import TierGate
from leadrank.preference import (
    PairLoss,
    Reduced,
    Tier,
    hierarchical_preference_loss,
    joint_loss,
    pointwise_loss,
)
from leadrank.preference.answers import answer_loss
from leadrank.preference.corn import corn_loss
from leadrank.preference.losses import Reduction, TierMean
from leadrank.preference.settings import PreferenceSettings
from leadrank.text.answers import answer_ids


@dataclass(frozen=True)
class LossSettings:
    """The joint loss: its weights, the loss of a pair, and how each term is reduced.

    Args:
        pointwise: weight of the binary cross-entropy, or of the steps' with a corn head.
        preference: weight of the preference pairs; 0 trains on labels alone.
        yes_no: weight of the answer, Yes or No, that the language-model head gives to the
            question at the prompt's end (`data.prompt.suffix`); 0 does not load it. The paper
            has 0.5.
        pair_loss: bradley_terry, hinge, smoothed_bradley_terry or top_weighted (Bradley-Terry
            weighted by what swapping the pair would change of the batch's DCG).
        smoothing: share of wrong preferences that smoothed_bradley_terry reckons with.
        over: average tiers over all of them, or over those present in the batch as the released
            code does.
        reduction: mean, or released: labels summed and pairs averaged, as the released code
            does, so that their weights depend on the batch size.
        inverse_rate: whether a label weighs the inverse of how often its row is drawn; false
            trains on the drawn mixture as the released code does, uncalibrated.
        tier_gate: weigh each tier by how far its gradient agrees with that of the labels, and
            not at all where it points the other way.
    """

    pointwise: float = 2.0
    preference: float = 1.0
    yes_no: float = 0.0
    pair_loss: PairLoss = "bradley_terry"
    smoothing: float = 0.1
    over: TierMean = "all"
    reduction: Reduction = "mean"
    inverse_rate: bool = True
    tier_gate: bool = False

    def __post_init__(self) -> None:
        problems = [
            f"model.loss.{name}: {value}, expected a finite number, 0 or more"
            for name in ("pointwise", "preference", "yes_no")
            if not (math.isfinite(value := getattr(self, name)) and value >= 0)
        ]
        if not (self.pointwise or self.preference or self.yes_no):
            problems.append("model.loss: every weight is 0, so nothing trains; give one")
        if not 0 <= self.smoothing < 0.5:
            problems.append(f"model.loss.smoothing: {self.smoothing}, expected 0 to below 0.5")
        if problems:
            raise UserError("\n".join(problems))


class LeadRanker(L.LightningModule):
    """Trains a `LeadModel` on orders and preference pairs.

    Args:
        encoder: what of the base model is used and trained.
        head: shape of the head.
        preference: which stages win over which.
        loss: weights of the two losses.
        optimiser: rates and schedule.
        score_dense: score with weights unpacked and merged once (faster); false scores in 4
            bit (less memory).
        compile: train through compiled layers (`torch.compile`; it needs a C++ compiler on a
            CPU). The first steps take a minute longer.
    """

    model: LeadModel
    tiers: tuple[Tier, ...]
    #: Tokens of Yes and No, where `loss.yes_no` trains them.
    answers: tuple[int, int]

    # No default is shared between instances: the settings are frozen.
    def __init__(
        self,
        encoder: EncoderSettings = EncoderSettings(),  # noqa: B008
        head: HeadSettings = HeadSettings(),  # noqa: B008
        preference: PreferenceSettings = PreferenceSettings(),  # noqa: B008
        loss: LossSettings = LossSettings(),
        optimiser: OptimiserSettings = OptimiserSettings(),  # noqa: B008
        score_dense: bool = True,
        compile: bool = False,
    ) -> None:
        super().__init__()
        problems = list(_conflicts(encoder, head, loss))
        if problems:
            raise UserError("\n".join(problems))
        self.encoder_settings = encoder
        self.head_settings = head
        self.preference = preference
        self.loss_settings = loss
        self.optimiser_settings = optimiser
        self.score_dense = score_dense
        self.compile_layers = compile
        # A 4-bit base cannot be restored from a state dict, and need not be.
        self.strict_loading = False
        # In a list, so that the scoring copy is no submodule: not saved, moved or trained.
        self._scoring: list[LeadModel] = []

    def build(
        self,
        funnel: Funnel,
        field_width: int,
        crosses: NDArray[np.int64] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Creates the model for one funnel and its field features, on its device."""
        self.tiers = self.preference.resolve(funnel)
        self._gate = TierGate(len(self.tiers), device)
        encoder = LeadEncoder(
            self.encoder_settings, device, answers=self.loss_settings.yes_no > 0
        )
        stages = len(funnel.stages)
        self.model = LeadModel(
            encoder, ScoreHead(self.head_settings, encoder.width, field_width, crosses, stages)
        )

    def configure_model(self) -> None:
        """Builds the model from the data module, once."""
        if not hasattr(self, "model"):
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            self._check_fields_are_read(data)
            if self.loss_settings.yes_no:
                self.answers = answer_ids(data.tokens.template, data.tokenizer)
            device = self.trainer.strategy.root_device
            features = data.field_features
            self.build(data.funnel, features.width, features.cross_columns(), device)
            if self.compile_layers and self.encoder_settings.adapt != "none":
                self.model.encoder.compile_layers()
            if self._pairs_rank_nothing and self.trainer.is_global_zero:
                print(
                    "pairs: they change no ranking here, as adapt: none freezes all that the "
                    "separate heads share"
                )

    @property
    def _pairs_rank_nothing(self) -> bool:
        """Whether no weight that the pairs train is one that ranks."""
        head = self.head_settings
        apart = head.kind == "separate" and head.rank_by != "pairwise"
        frozen = self.encoder_settings.adapt == "none"
        return apart and frozen and self.loss_settings.preference > 0

    def _check_fields_are_read(self, data: Any) -> None:
        written = data.tokens.template.fields == "all"
        if data.field_features.width and not (self.head_settings.fields or written):
            raise UserError(
                "model.head.fields: false leaves the fields to the prompt, and "
                "data.prompt.fields leaves them out of it; add --data.prompt.fields all"
            )

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Scores [n] of a batch."""
        return self.model(batch)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The joint loss of a batch; each lead is encoded once, whatever its pairs."""
        settings = self.loss_settings
        output = self.model.read(batch, words=settings.yes_no > 0)
        rate = batch["rate"] if settings.inverse_rate else torch.ones_like(batch["rate"])
        pointwise = over_ranks(_label_loss(output, batch, rate))
        pairs = over_ranks(
            hierarchical_preference_loss(
                output.pairwise,
                batch["pairs"],
                tiers=self.tiers,
                loss=settings.pair_loss,
                smoothing=settings.smoothing,
                gain=torch.exp2(batch["stage"].float()) - 1,
            )
        )
        loss = joint_loss(
            pointwise,
            self._gated(pairs, pointwise) if settings.tier_gate else pairs,
            tiers=self.tiers,
            pointwise_weight=settings.pointwise,
            preference_weight=settings.preference,
            over=settings.over,
            reduction=settings.reduction,
        )
        size = len(output.score)
        if output.words is not None:
            answer = over_ranks(self._answer_loss(output.words, batch, rate))
            mean = settings.reduction == "mean"
            loss = loss + settings.yes_no * (answer.mean() if mean else answer.total)
            self.log("train/yes_no", answer.mean(), batch_size=size)
        self.log("train/loss", loss, prog_bar=True, batch_size=size)
        self.log("train/pointwise", pointwise.mean(), batch_size=size)
        for tier, mean, count in zip(self.tiers, pairs.mean(), pairs.count, strict=True):
            self.log(f"train/{tier.name}", mean, batch_size=size)
            self.log(f"train/{tier.name}_pairs", count, batch_size=size)
        return loss

    def _gated(self, pairs: Reduced, pointwise: Reduced) -> Reduced:
        """Tiers as far as they agree with the labels; their shares of the mean stay."""
        weights = [p for p in self.model.head.parameters() if p.requires_grad]
        factor = self._gate.factors(pairs.mean(), pairs.count > 0, pointwise.mean(), weights)
        for tier, value in zip(self.tiers, factor, strict=True):
            self.log(f"train/{tier.name}_gate", value)
        return Reduced(pairs.total * factor, pairs.count)

    def _answer_loss(self, words: Tensor, batch: dict[str, Any], rate: Tensor) -> Reduced:
        yes, no = self.answers
        return answer_loss(words, batch["label"], batch["weight"], rate, yes=yes, no=no)

    def on_validation_epoch_start(self) -> None:
        """Unpacks the weights as they are now."""
        # A trunk that never changes is not asked: batches bring its vectors.
        changes = self.encoder_settings.adapt != "none"
        self._scoring = [self.model.dense() if self.score_dense and changes else self.model]

    def on_validation_epoch_end(self) -> None:
        """Frees the unpacked weights."""
        self._scoring = []

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Scores [n]; a callback measures them."""
        return self._scoring[0](batch)

    def configure_optimizers(self) -> Any:
        """AdamW over adapters and head, and the schedule of `OptimiserSettings`."""
        settings = self.optimiser_settings
        adapters = [p for p in self.model.encoder.parameters() if p.requires_grad]
        groups = [
            {"params": list(self.model.head.parameters()), "lr": settings.head_rate},
            {"params": adapters, "lr": settings.adapter_rate},
        ]
        optimiser = torch.optim.AdamW(
            [group for group in groups if group["params"]], weight_decay=settings.weight_decay
        )
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rate_factor(step, steps, settings)
        )
        return [optimiser], [{"scheduler": schedule, "interval": "step"}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps what training can change; the base is named, not copied."""
        checkpoint["state_dict"] = {
            f"model.{name}": tensor for name, tensor in self.model.learned_state().items()
        }
        checkpoint["tier_gate"] = self._gate.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint that lacks a trained weight, which would stay random."""
        state = checkpoint["state_dict"]
        learned = {name.removeprefix("model."): tensor for name, tensor in state.items()}
        try:
            self.model.load_learned_state(learned)
        except ValueError as error:
            raise UserError(f"checkpoint: {error}") from error
        self._gate.load_state(checkpoint["tier_gate"])


def _label_loss(output: HeadOutput, batch: dict[str, Any], rate: Tensor) -> Reduced:
    """What the labels say of the logits that they train: of the steps, where there are some."""
    label, weight = batch["label"], batch["weight"]
    if output.steps is None:
        return pointwise_loss(output.pointwise, label, weight, rate)
    return corn_loss(output.steps, label, weight, rate, batch["stage"], batch["stage_known"])


def _conflicts(
    encoder: EncoderSettings, head: HeadSettings, loss: LossSettings
) -> Iterator[str]:
    """Settings of which one leaves another without effect."""
    trained = {"pointwise": loss.pointwise, "pairwise": loss.preference}
    if head.rank_by is not None and not trained[head.rank_by]:
        term = "pointwise" if head.rank_by == "pointwise" else "preference"
        yield (
            f"model.head.rank_by: {head.rank_by}, but model.loss.{term} is 0 and nothing "
            "trains that head; give the loss a weight, or rank by the other head"
        )
    if loss.tier_gate and not loss.preference:
        yield (
            "model.loss.tier_gate: true weighs pairs, and model.loss.preference is 0; give "
            "pairs a weight, or take tier_gate: false"
        )
    if loss.tier_gate and head.kind == "separate":
        yield (
            "model.loss.tier_gate: true compares the gradients of pairs and labels on the "
            "head, and separate heads share none of it, so no pair would count; take "
            "tier_gate: false, or kind: shared"
        )
    if loss.yes_no and encoder.adapt == "none":
        yield (
            f"model.loss.yes_no: {loss.yes_no}, but with model.encoder.adapt: none the answer "
            "has nothing to teach; take adapt: lora, or yes_no: 0"
        )


def over_ranks(loss: Reduced) -> Reduced:
    """The loss whose mean, averaged over ranks as DDP does, is the mean over all rows."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return loss
    count = loss.count.clone()
    torch.distributed.all_reduce(count)
    return Reduced(loss.total, count / torch.distributed.get_world_size())
