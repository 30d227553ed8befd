"""The data module of the small CRM, on the embedded base's tokenizer."""

from collections.abc import Callable
from typing import Any

import pytest

from leadrank import LeadDataModule
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
