"""The discriminative head: linear scores over text and fields, and small towers beside them.

The linear part can start as the fitted probe and the tower starts at zero, so an untrained head
scores exactly as the probe does: what training adds can be told from what it began with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from leadrank.errors import UserError
from leadrank.model.crosses import NO_CROSSES, crossed
from leadrank.model.probe import Probe
from leadrank.preference.corn import corn_score, even_steps

Start = Literal["probe", "funnel_probe", "random"]


@dataclass(frozen=True)
class HeadSettings:
    """The shape of the head.

    Args:
        kind: `shared`: one score for labels and pairs; `separate`: a pointwise head for labels
            and a pairwise head for pairs, as the paper has; `corn`: one logit for each step of
            the funnel, whose product is the probability of the order.
        rank_by: which of two separate heads ranks; only with `kind: separate`.
        train_pairwise: false freezes the pairwise head as it began, as the released code does;
            pairs then shape the encoder alone. Only with `kind: separate`.
        fields: read the numeric and categorical fields; false leaves all to the prompt, as
            the paper does.
        wide: add a fixed score of the text's words and word pairs, fitted with the probe.
        linear: a linear score beside the tower; false leaves the tower alone, as in the paper.
        start: `probe` starts the linear score as the probe and the tower at zero;
            `funnel_probe` the same with the probe that the tiers have taught as well, unless
            it ranks clearly worse on validation; `random` starts both at random, as the paper
            does.
        hidden: width of the tower, Linear - GELU - Dropout - Linear.
        dropout: dropout in the tower.

    Raises:
        UserError: naming every setting that does not go with another.
    """

    kind: Literal["shared", "separate", "corn"] = "shared"
    rank_by: Literal["pointwise", "pairwise"] | None = None
    train_pairwise: bool = True
    fields: bool = True
    wide: bool = True
    linear: bool = True
    start: Start = "probe"
    hidden: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise UserError("\n".join(f"model.head.{text}" for text in problems))


class HeadOutput(NamedTuple):
    """What the model says of n leads, all in logits.

    Attributes:
        score: what leads are ranked by [n].
        pointwise: what labels train [n].
        pairwise: what pairs train [n].
        steps: of each step of the funnel, given that the lead came so far [n m]; `corn` only.
        words: of each word that may come next [n vocabulary]; where it was asked for.
    """

    score: Tensor
    pointwise: Tensor
    pairwise: Tensor
    steps: Tensor | None = None
    words: Tensor | None = None


class ScoreHead(nn.Module):
    """Scores (logits) from the text vector, the field features and the wide branch.

    `score = w . [fields, products, (text - mean) / scale] + b + wide + tower(fields, text)`;
    `separate` has two of these. `corn` has one for each step of the funnel, whose linear part
    stands for the order: `step_k = even_steps(linear_k + wide) + tower_k`, and the score is the
    log-odds of their product. So every kind can start as the probe.

    Args:
        settings: see `HeadSettings`.
        text_width: width of the encoder's vectors.
        field_width: number of field features.
        crosses: which of them are multiplied [c 2]; None: none.
        num_stages: of the funnel; only `corn` needs it.
    """

    text_mean: Tensor
    text_scale: Tensor
    crosses: Tensor
    pair_linear: nn.Linear | None
    pair_tower: nn.Sequential | None

    def __init__(
        self,
        settings: HeadSettings,
        text_width: int,
        field_width: int,
        crosses: NDArray[np.int64] | None = None,
        num_stages: int = 2,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.num_steps = num_stages - 1 if settings.kind == "corn" else 1
        self.uses_fields = settings.fields and field_width > 0
        width = text_width + (field_width if self.uses_fields else 0)
        crosses = NO_CROSSES if crosses is None or not self.uses_fields else crosses
        # Known from the field features, which are saved beside the weights.
        self.register_buffer("crosses", torch.from_numpy(crosses), persistent=False)
        self.register_buffer("text_mean", torch.zeros(text_width))
        self.register_buffer("text_scale", torch.ones(text_width))
        self.widths = (width + len(crosses), width)
        self.linear, self.tower = _scorer(settings, self.widths, self.num_steps)
        self.pair_linear = self.pair_tower = None
        if settings.kind == "separate":
            self.pair_linear, self.pair_tower = _scorer(settings, self.widths, 1)
            for part in filter(None, (self.pair_linear, self.pair_tower)):
                part.requires_grad_(settings.train_pairwise)

    def forward(
        self,
        text: Float[Tensor, "n d"],
        fields: Float[Tensor, "n f"],
        wide: Float[Tensor, " n"] | None = None,
    ) -> HeadOutput:
        """Scores n leads; `wide` is the wide branch's part, None: none."""
        inputs = (text - self.text_mean) / self.text_scale
        linear = inputs
        if self.uses_fields:
            inputs = torch.cat([fields, inputs], dim=1)
            linear = torch.cat([fields, crossed(fields, self.crosses), linear], dim=1)
        fixed = text.new_zeros(len(text), 1) if wide is None else wide[:, None]
        flat, bent = _linear(self.linear, linear, fixed), self.tower(inputs)
        if self.settings.kind == "corn":
            steps = even_steps(flat, self.num_steps) + bent
            score = corn_score(steps)
            return HeadOutput(score, score, score, steps)
        score = (flat + bent).squeeze(-1)
        if self.pair_tower is None:
            return HeadOutput(score, score, score)
        flat, bent = _linear(self.pair_linear, linear, fixed), self.pair_tower(inputs)
        pairwise = (flat + bent).squeeze(-1)
        by_labels = self.settings.rank_by == "pointwise"
        return HeadOutput(score if by_labels else pairwise, score, pairwise)

    @torch.no_grad()
    def start_from(self, probe: Probe) -> None:
        """Makes every score of the head the probe's: its scaling and weights, no tower.

        A head without a linear part or that starts at random cannot; see `as_probe`.
        """
        assert self.settings.start != "random"
        self.text_mean.copy_(torch.from_numpy(probe.text_mean))
        self.text_scale.copy_(torch.from_numpy(probe.text_scale))
        for linear in filter(None, (self.linear, self.pair_linear)):
            linear.weight.copy_(torch.from_numpy(probe.weight)[None, :])
            linear.bias.fill_(probe.bias)
        for tower in filter(None, (self.tower, self.pair_tower)):
            for parameter in list(tower.parameters())[-2:]:
                parameter.zero_()

    def as_probe(self, probe: Probe) -> "ScoreHead":
        """A shared head with this one's inputs that scores as the probe does."""
        settings = replace(
            self.settings,
            kind="shared", rank_by=None, train_pairwise=True, linear=True, start="probe",
        )  # fmt: skip
        text = len(self.text_mean)
        head = ScoreHead(settings, text, self.widths[1] - text, self.crosses.cpu().numpy())
        head.start_from(probe)
        return head.to(self.text_mean.device)


def _linear(
    layer: nn.Linear | None, inputs: Tensor, fixed: Float[Tensor, "n 1"]
) -> Float[Tensor, "n k"]:
    """The linear part with the wide branch's, which is all where there is no layer."""
    return fixed if layer is None else layer(inputs) + fixed


def _scorer(
    settings: HeadSettings, widths: tuple[int, int], outputs: int
) -> tuple[nn.Linear | None, nn.Sequential]:
    """The linear part, where there is one, and the tower."""
    linear = nn.Linear(widths[0], outputs) if settings.linear else None
    first = nn.Linear(widths[1], settings.hidden)
    last = nn.Linear(settings.hidden, outputs)
    tower = nn.Sequential(first, nn.GELU(), nn.Dropout(settings.dropout), last)
    if settings.start != "random":
        for layer in filter(None, (linear, last)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    return linear, tower


def _problems(settings: HeadSettings) -> Iterator[str]:
    separate = settings.kind == "separate"
    if separate and settings.rank_by is None:
        yield "rank_by: null, but there are two heads; say whether pointwise or pairwise ranks"
    if not separate and settings.rank_by is not None:
        yield f"rank_by: {settings.rank_by}, but kind {settings.kind} has one score; drop it"
    if not separate and not settings.train_pairwise:
        yield f"train_pairwise: false, but kind {settings.kind} has no pairwise head; drop it"
    if settings.rank_by == "pairwise" and not settings.train_pairwise:
        yield "train_pairwise: false leaves the head that ranks untrained; rank_by: pointwise"
    if settings.start != "random" and not settings.linear:
        yield (
            f"start: {settings.start} needs the linear part; take start: random, or "
            "linear: true"
        )
    if settings.hidden < 1:
        yield f"hidden: {settings.hidden}, expected 1 or more"
    if not 0 <= settings.dropout < 1:
        yield f"dropout: {settings.dropout}, expected 0 to below 1"
