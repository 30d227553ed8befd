"""A small ranker: the two-layer encoder in this process."""

from collections.abc import Callable

import pytest

from leadrank import LeadRanker
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings, Start
from leadrank.model.schedule import OptimiserSettings


@pytest.fixture
def small_ranker(embedded_base: None) -> Callable[..., LeadRanker]:
    """Two layers of the embedded base in 4 bit, without dropout: a run has nothing random."""

    def build(rate: float = 1e-3, start: Start = "probe") -> LeadRanker:
        return LeadRanker(
            EncoderSettings(layers=2, adapt_from=1),
            HeadSettings(hidden=8, dropout=0.0, start=start),
            optimiser=OptimiserSettings(head_rate=rate, adapter_rate=rate),
        )

    return build
