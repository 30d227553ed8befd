"""A lead's score depends on the lead alone; the learned state is whole or refused."""

import copy

import numpy as np
import pytest
import torch
from tiny_leads import batch, lead_model, prompts, tiny, train_a_little

from leadrank.model.trunk_parts import lower_states

TOLERANCE = 1e-4


@torch.no_grad()
def score(model, leads):
    return model(leads)


@pytest.fixture
def leads():
    return batch(prompts((5, 40, 9, 23), vocabulary=49_152))


def spread(scores):
    """Scores differ between leads by far more than the tolerance, or a test shows nothing."""
    assert scores.max() - scores.min() > 100 * TOLERANCE
    return scores


def rows(leads, index):
    return {name: tensor[index] for name, tensor in leads.items()}


def padded_on_the_left(leads):
    def roll(ids, mask):
        return torch.cat([ids[mask == 0], ids[mask == 1]])

    pairs = list(zip(leads["input_ids"], leads["attention_mask"], strict=True))
    return {
        **leads,
        "input_ids": torch.stack([roll(ids, mask) for ids, mask in pairs]),
        "attention_mask": torch.stack([mask.sort().values for _, mask in pairs]),
    }


def wider(leads, by, pad_id):
    more = torch.full((len(leads["input_ids"]), by), pad_id)
    return {
        **leads,
        "input_ids": torch.cat([leads["input_ids"], more], 1),
        "attention_mask": torch.cat([leads["attention_mask"], more * 0], 1),
    }


def with_pooling(model, how):
    model.encoder.settings = model.encoder.settings.__class__(
        **{**vars(model.encoder.settings), "pooling": how}
    )
    return model


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("dense", [False, True], ids=["4 bit", "dense"])
def test_a_score_does_not_depend_on_mates_padding_order_or_bucket(
    small_model, leads, pooling, dense
):
    model = with_pooling(small_model, pooling)
    model = model.dense() if dense else model
    together = spread(score(model, leads))
    order = torch.tensor([2, 0, 3, 1])
    last_id = int(leads["input_ids"][0, 4])  # as where a lead ends with the id that pads
    changed = {
        "alone": torch.cat(
            [score(model, batch([ids[m == 1].numpy()], fields[None])) for ids, m, fields in
             zip(*(leads[k] for k in ("input_ids", "attention_mask", "fields")), strict=True)]
        ),
        "in another order": score(model, rows(leads, order))[order.argsort()],
        "padded on the left": score(model, padded_on_the_left(leads)),
        "in a longer bucket": score(model, wider(leads, 30, 0)),
        "padded with the id that it ends with": score(model, wider(leads, 7, last_id)),
    }  # fmt: skip
    for name, scores in changed.items():
        assert (scores - together).abs().max() < TOLERANCE, name


def test_dense_and_4_bit_agree(small_model, leads):
    apart = spread(score(small_model, leads)) - score(small_model.dense(), leads)
    assert apart.abs().max() < 1e-3


def test_merged_and_unmerged_agree(tiny_base):
    model = train_a_little(lead_model(tiny(tiny_base))).eval()
    ids = batch(prompts())
    torch.testing.assert_close(
        score(model.dense(), ids), spread(score(model, ids)), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("dense", [False, True], ids=["4 bit", "dense"])
def test_starting_from_kept_states_gives_the_same_scores(small_model, leads, dense):
    model = small_model.dense() if dense else small_model
    with torch.no_grad():
        states = lower_states(
            small_model.encoder.dense(adapted=False).trunk,
            1,
            leads["input_ids"],
            leads["attention_mask"],
        )
    found = score(model, {**leads, "states": states})
    assert (found - spread(score(model, leads))).abs().max() < TOLERANCE


def test_starting_from_kept_states_gives_the_same_gradients(tiny_base):
    model, ids = train_a_little(lead_model(tiny(tiny_base))), batch(prompts())
    states = lower_states(model.encoder.trunk, 2, ids["input_ids"], ids["attention_mask"])
    found = []
    for given in (ids, {**ids, "states": states.detach()}):
        model.zero_grad()
        model(given).square().sum().backward()
        found.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-5)


def test_head_and_adapters_get_gradients_and_nothing_else(tiny_base):
    model = train_a_little(lead_model(tiny(tiny_base)))
    model(batch(prompts())).sum().backward()
    for name, parameter in model.named_parameters():
        trains = name.startswith("head.") or ".lora_" in name
        assert (parameter.grad is not None) == trains, name
        assert parameter.requires_grad == trains, name


# The learned state


def test_the_learned_state_is_adapters_and_head_with_its_scaling(tiny_base):
    model = lead_model(tiny(tiny_base, quantisation="nf4"))
    names = set(model.learned_state())
    expected = {n for n, p in model.named_parameters() if p.requires_grad}
    assert names == expected | {"head.text_mean", "head.text_scale"}
    assert sum(".lora_" in name for name in names) == 2 * 4 * 2


def test_a_learned_state_makes_another_model_the_same(tiny_base):
    model = train_a_little(lead_model(tiny(tiny_base))).eval()
    model.head.text_mean.fill_(0.3)
    other = train_a_little(lead_model(tiny(tiny_base)), seed=1).eval()
    ids = batch(prompts())
    assert not torch.allclose(score(other, ids), score(model, ids), atol=1e-2)
    other.load_learned_state(copy.deepcopy(model.learned_state()))
    assert np.array_equal(score(other, ids), score(model, ids))


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_a_state_of_another_architecture_is_refused_and_nothing_taken_over(tiny_base, change):
    model = lead_model(tiny(tiny_base))
    before = {name: tensor.clone() for name, tensor in model.learned_state().items()}
    state = {name: tensor + 1 for name, tensor in before.items()}
    name = "encoder.trunk.layers.3.self_attn.q_proj.lora_B.default.weight"
    tensor = state.pop(name)
    if change == "unknown":
        state |= {name: tensor, "encoder.trunk.layers.9.lora_B.default.weight": tensor}
    said = rf"missing \['{name}" if change == "missing" else r"unknown \['encoder.*layers.9"
    with pytest.raises(ValueError, match=said):
        model.load_learned_state(state)
    assert all(torch.equal(t, before[n]) for n, t in model.learned_state().items())
