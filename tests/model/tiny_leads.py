"""Made-up leads and models for the tests of the model floor."""

import numpy as np
import torch

from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.lead_model import LeadModel
from leadrank.model.rows import pad

FIELD_WIDTH = 3


class Leads:
    """What the model floor reads of `LeadRows`: prompts and their lengths."""

    def __init__(self, prompts, fingerprint="prompts"):
        self.prompts = [np.asarray(ids, np.int32) for ids in prompts]
        self.length = np.array([len(ids) for ids in self.prompts])
        self.tokens = _Tokens(self.prompts, fingerprint)

    def __len__(self):
        return len(self.prompts)


class _Tokens(list):
    def __init__(self, prompts, fingerprint):
        super().__init__(prompts)
        self.fingerprint = fingerprint


def prompts(lengths=(5, 17, 9, 12), vocabulary=128, seed=0):
    chance = np.random.default_rng(seed)
    return [chance.integers(3, vocabulary, n) for n in lengths]


def batch(ids, fields=None):
    """A batch as `LeadRows` gives it, as far as the model reads it."""
    input_ids, mask = pad(ids)
    if fields is None:
        fields = torch.linspace(0, 1, len(ids) * FIELD_WIDTH).view(len(ids), FIELD_WIDTH)
    return {
        "input_ids": input_ids,
        "attention_mask": mask,
        "fields": fields,
        "wide": torch.zeros(len(ids)),
    }


def tiny(base, **settings):
    """An encoder of the random four-layer decoder, adapted from its third layer on."""
    chosen = {"layers": 4, "adapt_from": 2, "lora_rank": 4, "quantisation": "none", **settings}
    return LeadEncoder(EncoderSettings(base=str(base), **chosen))


@torch.no_grad()
def train_a_little(module, seed=0):
    """Moves every trainable weight, so that adapters and tower change the score."""
    noise = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn(parameter.shape, generator=noise) * 0.05)
    return module


def lead_model(encoder, **head):
    torch.manual_seed(0)
    settings = HeadSettings(**{"hidden": 8, "dropout": 0.0, **head})
    return LeadModel(encoder, ScoreHead(settings, encoder.width, FIELD_WIDTH))
