"""The leads that models are timed on: a CRM's rows as `fit` has them, and its batches."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leadrank.bench.sizes import Sizes
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.lead_model import LeadModel
from leadrank.text import PromptTemplate
from leadrank.training.data import LeadDataModule
from leadrank.training.root import found_crm
from leadrank.training.sampler import SamplerSettings, StageSampler

SMOKE_ROWS = 96


@dataclass(frozen=True)
class Leads:
    """A CRM's rows and the device that they are timed on.

    Args:
        data: its data module, set up.
        device: a GPU where there is one.
    """

    data: LeadDataModule
    device: torch.device

    def some(self, count: int, seed: int = 0) -> NDArray[np.int64]:
        """Positions of so many training rows, drawn at random; fewer where there are fewer."""
        train = self.data.positions("train")
        return np.random.default_rng(seed).permutation(train)[:count]

    def sampler(self, settings: SamplerSettings) -> StageSampler:
        """Draws batches of the training rows as `fit` does."""
        rows, train = self.data.rows, self.data.positions("train")
        columns = rows.length[train], rows.label.numpy()[train], rows.stratum()[train]
        return StageSampler(*columns, settings=settings)

    def tokens(self, positions: NDArray[np.int64]) -> int:
        """Tokens of these rows' prompts, padding left out."""
        return int(self.data.rows.length[positions].sum())


def open_leads(
    crm: Path, root: str | None, sizes: Sizes, *, batch_size: int = 32, smoke: bool = False
) -> Leads:
    """The rows of a CRM file as `fit` reads them; UserError where its tables are not there."""
    data = LeadDataModule(
        str(found_crm(crm)),
        root=root,
        prompt=PromptTemplate(max_tokens=sizes.tokens),
        sampler=SamplerSettings(batch_size=batch_size),
        max_rows=SMOKE_ROWS if smoke else None,
    )
    data.setup("fit")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Leads(data, device)


def adapted(sizes: Sizes, **others: Any) -> EncoderSettings:
    """The default adapters on this many layers."""
    lowest = min(EncoderSettings.adapt_from, sizes.layers - 1)
    return EncoderSettings(layers=sizes.layers, adapt_from=lowest, **others)


def new_model(leads: Leads, settings: EncoderSettings) -> LeadModel:
    """An encoder of these settings and a head with random weights, the same each time.

    A head that starts at zero would hide every difference between two encoders.
    """
    torch.manual_seed(0)
    encoder = LeadEncoder(settings, leads.device)
    features = leads.data.field_features
    head = ScoreHead(
        HeadSettings(start="random"),
        encoder.width,
        features.width,
        features.cross_columns(),
        len(leads.data.funnel.stages),
    )
    model = LeadModel(encoder, head.to(leads.device))
    _give_adapters_weight(model)
    return model


@torch.no_grad()
def _give_adapters_weight(model: LeadModel) -> None:
    """As if trained: with an outer factor of zero adapters would change no score."""
    for name, parameter in model.encoder.named_parameters():
        if ".lora_B." in name:
            parameter.normal_(std=1e-3)


def has_data(crm: str) -> bool:
    """Whether the CRM's tables can be looked for: the world makes its own."""
    return crm == "world" or "LEADRANK_DATA" in os.environ
