"""The wide branch: one number a lead, the same after JSON, added to the deep score."""

import json

import numpy as np
import polars as pl
import torch
from tiny_leads import batch, lead_model, prompts, tiny

from leadrank.model.wide import WideBranch
from leadrank.text.ngrams import NGrams


def rows(*texts):
    note = pl.Struct({"at": pl.Datetime("us", "UTC"), "name": pl.String, "text": pl.String})
    found = [[{"at": None, "name": "note", "text": text}] for text in texts]
    return pl.DataFrame({"text": found}, schema={"text": pl.List(note)})


#: Two words of equal idf, so a text of both gives each 1 / sqrt(2).
BRANCH = WideBranch(NGrams(("loan", "test"), (2.0, 2.0)), np.array([3.0, -1.0], np.float32))


def test_the_score_by_hand():
    """loan: 3; test: -1; both: (3 - 1) / sqrt(2); none of them: 0."""
    found = BRANCH.score(rows("a loan", "test", "test loan", "price"))
    np.testing.assert_allclose(found, [3.0, -1.0, 2 / np.sqrt(2), 0.0], atol=1e-6)
    assert found.dtype == np.float32


def test_json_brings_the_same_scores_back():
    again = WideBranch.from_dict(json.loads(json.dumps(BRANCH.to_dict())))
    table = rows("a loan", "test loan")
    np.testing.assert_array_equal(again.score(table), BRANCH.score(table))


def test_a_lead_scores_so_much_more(tiny_base):
    model = lead_model(tiny(tiny_base)).eval()
    leads = batch(prompts())
    wide = torch.linspace(-1, 1, len(leads["wide"]))
    with torch.no_grad():
        torch.testing.assert_close(model({**leads, "wide": wide}), model(leads) + wide)
