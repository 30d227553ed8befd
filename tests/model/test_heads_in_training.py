"""Which loss each kind of head trains with, in the ranker's own step; and the Yes/No answer."""

import pytest
import tiny_ranker
import torch
from tiny_leads import prompts
from tiny_ranker import with_pairs
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from leadrank.errors import UserError
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.head import HeadSettings
from leadrank.model.ranker import LeadRanker, LossSettings
from leadrank.model.rows import pad

YES, NO = 17, 23


def ranker_of(base, loss, **settings):
    found = tiny_ranker.ranker_of(base, loss, **settings)
    found.answers = (YES, NO)
    return found


SHARE = torch.tensor([0.25, 4.0, 2.0, 2.0])  # weight / rate of the batch


def pair_loss(s):
    """As in test_ranker: global (margin 1): 0>1, 0>2; key (margin .5): 0>1, 2>1."""
    deep = -(logsigmoid(s[0] - s[1] - 1) + logsigmoid(s[0] - s[2] - 1)) / 2
    key = -(logsigmoid(s[0] - s[1] - 0.5) + logsigmoid(s[2] - s[1] - 0.5)) / 2
    return (deep + key) / 2


@pytest.mark.parametrize("by", ["pointwise", "pairwise"])
def test_separate_heads_labels_train_one_and_pairs_the_other(tiny_base, by):
    ranker = ranker_of(tiny_base, LossSettings(2.0, 1.0), kind="separate", rank_by=by)
    leads = with_pairs(ranker)
    with torch.no_grad():
        out, loss = ranker.model.read(leads), ranker.training_step(leads, 0)
        each = binary_cross_entropy_with_logits(out.pointwise, leads["label"], reduction="none")
    expected = 2 * (SHARE * each).sum() / SHARE.sum() + pair_loss(out.pairwise)
    torch.testing.assert_close(loss, expected)
    assert torch.equal(ranker(leads), getattr(out, by))


def test_corn_trains_its_steps_and_pairs_its_score(tiny_base):
    """Stages 2, 0, 1: 2, 1, 2 steps; of row 3 the label alone is known."""
    ranker = ranker_of(tiny_base, LossSettings(2.0, 1.0), kind="corn")
    leads = with_pairs(ranker)
    with torch.no_grad():
        out, loss = ranker.model.read(leads), ranker.training_step(leads, 0)
    x = out.steps
    each = torch.stack(
        [
            -logsigmoid(x[0, 0]) - logsigmoid(x[0, 1]),
            -logsigmoid(-x[1, 0]),
            -logsigmoid(x[2, 0]) - logsigmoid(-x[2, 1]),
            -torch.log(1 - x[3, 0].sigmoid() * x[3, 1].sigmoid()),
        ]
    )
    terms = torch.tensor([2.0, 1.0, 2.0, 1.0])
    labels = (SHARE * each).sum() / (SHARE * terms).sum()
    torch.testing.assert_close(loss, 2 * labels + pair_loss(out.score))


@pytest.mark.parametrize(
    "head",
    [{"kind": "separate", "rank_by": "pointwise"}, {"kind": "corn"}],
    ids=["separate", "corn"],
)
def test_every_weight_that_trains_gets_a_gradient(tiny_base, head):
    ranker = ranker_of(tiny_base, LossSettings(), **head)
    ranker.training_step(with_pairs(ranker), 0).backward()
    for name, parameter in ranker.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_a_head_that_ranks_and_nothing_trains_is_refused():
    separate = {"kind": "separate", "rank_by": "pairwise"}
    with pytest.raises(UserError, match=r"model.loss.preference is 0 and nothing trains"):
        LeadRanker(head=HeadSettings(**separate), loss=LossSettings(preference=0.0))
    with pytest.raises(UserError, match="separate heads share none of it"):
        LeadRanker(head=HeadSettings(**separate), loss=LossSettings(tier_gate=True))
    with pytest.raises(UserError, match="tier_gate: true weighs pairs, and"):
        LeadRanker(loss=LossSettings(preference=0.0, tier_gate=True))
    with pytest.raises(UserError, match="the answer has nothing to teach"):
        LeadRanker(EncoderSettings(adapt="none"), loss=LossSettings(yes_no=0.5))


# The Yes/No answer


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def base(request, tiny_base, tmp_path):
    """The tiny base, its language-model head tied to the embedding or apart."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig.from_pretrained(tiny_base)
    config.tie_word_embeddings = request.param
    LlamaForCausalLM(config).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_the_words_are_those_of_the_causal_model_at_the_last_token(base, left):
    from transformers import AutoModelForCausalLM

    encoder = LeadEncoder(
        EncoderSettings(str(base), quantisation="none", layers=None, adapt_from=2),
        answers=True,
    ).eval()
    causal = AutoModelForCausalLM.from_pretrained(base).eval()
    leads = prompts()
    ids, mask = pad(leads)
    if left:
        ids, mask = ids.flip(1), mask.flip(1)
        for row, lead in enumerate(leads):
            ids[row, -len(lead) :] = torch.from_numpy(lead)
    with torch.no_grad():
        found = encoder.words(encoder.hidden(ids, mask), mask)
        expected = torch.cat(
            [causal(torch.from_numpy(lead)[None]).logits[:, -1] for lead in leads]
        )
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_the_answer_is_trained_over_the_whole_vocabulary_and_reaches_the_adapters(base):
    ranker = ranker_of(base, LossSettings(0.0, 0.0, 0.5))
    leads = with_pairs(ranker)
    loss = ranker.training_step(leads, 0)
    with torch.no_grad():
        words = ranker.model.read(leads, words=True).words
    answer = torch.tensor([YES, NO, NO, NO])
    each = cross_entropy(words, answer, reduction="none")
    torch.testing.assert_close(loss.detach(), 0.5 * (SHARE * each).sum() / SHARE.sum())
    loss.backward()
    moved = {
        name for name, p in ranker.named_parameters() if p.grad is not None and p.grad.any()
    }
    assert {name for name in moved if ".lora_" in name}
    assert not [name for name in moved if "vocabulary" in name or "embed" in name]


def test_the_released_reduction_sums_the_answers(tiny_base):
    found = {}
    for reduction in ("mean", "released"):
        ranker = ranker_of(tiny_base, LossSettings(0.0, 0.0, 1.0, reduction=reduction))
        with torch.no_grad():
            found[reduction] = ranker.training_step(with_pairs(ranker), 0)
    torch.testing.assert_close(found["released"], found["mean"] * SHARE.sum())


def test_without_its_weight_no_language_model_head_is_loaded(tiny_base):
    ranker = ranker_of(tiny_base, LossSettings())
    assert not [name for name, _ in ranker.named_modules() if "vocabulary" in name]
    assert ranker.model.read(with_pairs(ranker)).words is None


def test_what_is_learned_has_no_language_model_head(base):
    ranker = ranker_of(base, LossSettings(yes_no=0.5))
    assert not [name for name in ranker.model.learned_state() if "vocabulary" in name]
    leads = with_pairs(ranker)
    with torch.no_grad():
        torch.testing.assert_close(
            ranker.model.dense()(leads), ranker.model(leads), rtol=0, atol=1e-5
        )
