"""A small run in this process: the two-layer encoder on the small CRM."""

from collections.abc import Callable
from typing import Any

import pytest

from leadrank import LeadDataModule, LeadRanker
from leadrank.model.encoder import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.schedule import OptimiserSettings
from leadrank.text import PromptTemplate
from leadrank.training.sampler import SamplerSettings


@pytest.fixture
def data_of() -> Callable[..., LeadDataModule]:
    """The data module of a small CRM."""

    def build(small: Any, **settings: Any) -> LeadDataModule:
        chosen = {
            "prompt": PromptTemplate(max_tokens=64),
            "sampler": SamplerSettings(batch_size=16, negatives_per_order=1.0),
            **settings,
        }
        return LeadDataModule(str(small.crm), str(small.root), **chosen)

    return build


@pytest.fixture
def small_ranker(embedded_base: None) -> Callable[..., LeadRanker]:
    """Two layers of the embedded base in 4 bit, without dropout: a run has nothing random."""

    def build(rate: float = 1e-3) -> LeadRanker:
        return LeadRanker(
            EncoderSettings(layers=2, adapt_from=1),
            HeadSettings(hidden=8, dropout=0.0),
            optimiser=OptimiserSettings(head_rate=rate, adapter_rate=rate),
        )

    return build
