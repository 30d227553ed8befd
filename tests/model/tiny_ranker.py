"""A ranker of the random decoder, all of it moved from its start, and a batch of four leads."""

import torch
from tiny_leads import FIELD_WIDTH, batch, prompts, train_a_little

from leadrank.funnel.funnel import Funnel
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.ranker import LeadRanker
from leadrank.model.schedule import OptimiserSettings
from leadrank.preference import preference_pairs

FUNNEL = Funnel(("lead", "drive", "order"), has_lost=False, horizon_days=30)


def ranker_of(base, loss, *, layers=3, optimiser=None, **head):
    torch.manual_seed(0)
    found = LeadRanker(
        EncoderSettings(
            str(base), quantisation="none", layers=layers, adapt_from=2, lora_rank=4
        ),
        HeadSettings(hidden=8, dropout=0.0, **head),
        loss=loss,
        optimiser=optimiser or OptimiserSettings(),
    )
    found.build(FUNNEL, FIELD_WIDTH)
    train_a_little(found.model)
    found.log = lambda *_, **__: None
    return found


def training_batch():
    """Leads, and what is known of them: an order, nothing, a drive, and an unknown stage."""
    stage = torch.tensor([2, 0, 1, 0])
    leads = batch(prompts())
    known, lost = torch.tensor([True, True, True, False]), torch.zeros(4, dtype=torch.bool)
    leads |= {
        "label": (stage == 2).float(),
        "stage": stage,
        "stage_known": known,
        "weight": torch.tensor([1.0, 2.0, 1.0, 1.0]),
        "rate": torch.tensor([4.0, 0.5, 0.5, 0.5]),
    }
    return leads, stage, known, lost


def with_pairs(ranker):
    leads, stage, known, lost = training_batch()
    pairs = preference_pairs(
        stage, known, lost, torch.ones(4, dtype=torch.bool), torch.arange(4),
        tiers=ranker.tiers,
    )  # fmt: skip
    return {**leads, "pairs": pairs}
