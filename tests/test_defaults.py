"""`LeadRanker()` in Python trains what `experiments/base.yaml` trains."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.ranker import LossSettings
from leadrank.model.schedule import OptimiserSettings
from leadrank.preference.settings import PreferenceSettings
from leadrank.text import PromptTemplate
from leadrank.training.sampler import SamplerSettings

BASE = yaml.safe_load((Path(__file__).parents[1] / "experiments/base.yaml").read_text("utf-8"))
SETTINGS = {
    ("model", "encoder"): EncoderSettings(),
    ("model", "head"): HeadSettings(),
    ("model", "preference"): PreferenceSettings(),
    ("model", "loss"): LossSettings(),
    ("model", "optimiser"): OptimiserSettings(),
    ("data", "prompt"): PromptTemplate(),
    ("data", "sampler"): SamplerSettings(),
}


@pytest.mark.parametrize("place", SETTINGS, ids=".".join)
def test_the_base_experiment_is_the_default(place: tuple[str, str]) -> None:
    defaults = plain(asdict(SETTINGS[place]))
    written = BASE[place[0]][place[1]]
    assert written == {key: defaults[key] for key in written}


def plain(value: Any) -> Any:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}
