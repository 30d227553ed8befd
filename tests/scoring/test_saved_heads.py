"""A saved model of every kind of head is the model, on scores."""

import pytest
import torch
from test_saved_model import SavedModel, score

from leadrank.funnel import load_crm_file
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.field_features import FieldFeatures
from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.lead_model import LeadModel
from leadrank.scoring.calibration import Calibration
from leadrank.scoring.saved_model import load_model, save_model
from leadrank.text import PromptTemplate

KINDS = (
    {"kind": "separate", "rank_by": "pointwise", "train_pairwise": False},
    {"kind": "separate", "rank_by": "pairwise"},
    {"kind": "corn"},
    {"linear": False, "start": "random"},
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A random decoder of one layer."""
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024, hidden_size=64, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, initializer_range=0.3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("heads") / "base"
    LlamaModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(map(str, kind.values())))
def test_a_reloaded_model_scores_as_the_one_in_memory(kind, base, small_crm, tmp_path):
    crm, features = load_crm_file(small_crm.crm), FieldFeatures((), ())
    encoder = LeadEncoder(EncoderSettings(str(base), layers=1, adapt_from=0))
    head = ScoreHead(
        HeadSettings(hidden=8, **kind), encoder.width, 0, num_stages=len(crm.stages)
    )
    model = LeadModel(encoder, head).eval()
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in model.learned_state().values():
            tensor.add_(torch.randn(tensor.shape, generator=noise).abs() * 0.05)
    save_model(
        tmp_path, SavedModel(model, crm, PromptTemplate(), features, Calibration(1.0, 0.0), 0.3)
    )
    again = load_model(tmp_path, device="cpu")
    expected = score(model, 0)
    assert expected.std() > 0.01
    torch.testing.assert_close(score(again.model, 0), expected, rtol=0, atol=1e-5)
    assert again.model.head.settings == model.head.settings
