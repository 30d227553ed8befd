"""The frozen trunk's work: right, computed once, and never the adapters'."""

import numpy as np
import pytest
import torch
from tiny_leads import Leads, batch, prompts, tiny, train_a_little

from leadrank.errors import UserError
from leadrank.model import frozen as frozen_module
from leadrank.model.encoder import LeadEncoder
from leadrank.model.frozen import compute_frozen, on_device
from leadrank.model.trunk_parts import lower_states


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADRANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def compute(encoder, leads, positions=None, max_tokens=40):
    positions = np.arange(len(leads)) if positions is None else np.array(positions)
    return compute_frozen(encoder, leads, positions, max_tokens=max_tokens)


def one_by_one(encoder, leads):
    """[rows d] by the plain forward of one lead at a time."""
    with torch.no_grad():
        batches = [batch([ids]) for ids in leads.prompts]
        return torch.cat([encoder(b["input_ids"], b["attention_mask"]) for b in batches])


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_vectors_are_those_of_the_frozen_trunk_whatever_was_trained(tiny_base, quantisation):
    encoder, leads = tiny(tiny_base, quantisation=quantisation), Leads(prompts())
    expected = one_by_one(encoder, leads)
    found = compute(train_a_little(encoder), leads)
    np.testing.assert_allclose(found.vectors(), expected, atol=1e-4)


def test_states_are_those_that_enter_the_lowest_adapted_layer(tiny_base):
    encoder, leads = tiny(tiny_base), Leads(prompts())
    found = compute(encoder, leads).batch(np.array([2, 0]))
    together = batch([leads.prompts[2], leads.prompts[0]])
    with torch.no_grad():
        expected = lower_states(
            encoder.trunk, 2, together["input_ids"], together["attention_mask"]
        )
    own = together["attention_mask"].bool()
    torch.testing.assert_close(found[own], expected[own], rtol=0, atol=1e-5)
    assert not found[~own].any()


def test_no_states_are_kept_where_none_are_wanted(tiny_base, own_cache_folder):
    """`auto` keeps them here."""
    encoder, leads = train_a_little(tiny(tiny_base)).eval(), Leads(prompts())
    none, kept = (
        compute_frozen(encoder, leads, np.arange(len(leads)), max_tokens=40, kept_as=how)
        for how in ("none", "auto")
    )
    assert none.batch(np.arange(2)) is None
    np.testing.assert_array_equal(none.features, kept.features)
    assert kept.states.dtype == np.float32
    assert len(list((own_cache_folder / "states").glob("*.npy"))) == 1


def test_a_gpu_keeps_no_states_unless_it_is_told_to():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [on_device("auto", place) for place in (cpu, gpu)] == ["float32", "none"]
    assert [on_device("float16", place) for place in (cpu, gpu)] == ["float16"] * 2


def test_states_in_half_precision_take_half_the_room_and_move_scores_little(
    tiny_base, own_cache_folder
):
    encoder, leads = train_a_little(tiny(tiny_base)).eval(), Leads(prompts())
    rows = np.arange(len(leads))
    whole = compute(encoder, leads)
    half = compute_frozen(encoder, leads, rows, max_tokens=40, kept_as="float16")
    files = sorted((own_cache_folder / "states").glob("*.npy"), key=lambda f: f.stat().st_size)
    assert [np.load(file).dtype for file in files] == [np.float16, np.float32]
    # float16 has 11 binary digits, so each state is rounded by 2^-11 of itself at most.
    np.testing.assert_allclose(half.states, whole.states, rtol=2**-11, atol=1e-7)
    given = batch(leads.prompts)
    found, expected = (
        encoder(given["input_ids"], given["attention_mask"], kept.batch(rows)).detach()
        for kept in (half, whole)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-3)


def test_states_beyond_half_precision_are_refused(tiny_base):
    encoder, leads = tiny(tiny_base), Leads(prompts())
    with torch.no_grad():
        encoder.trunk.embed_tokens.weight.mul_(1e6)
    with pytest.raises(UserError, match=r"up to 65504, .* take data.states: float32"):
        compute_frozen(encoder, leads, np.arange(4), max_tokens=40, kept_as="float16")


def test_equal_prompts_are_computed_once(tiny_base):
    first, second = prompts((6, 9))
    found = compute(tiny(tiny_base), Leads([first, second, first]))
    assert len(found.features) == 2
    assert found.prompt.tolist() == [0, 1, 0]


def test_rows_that_were_not_asked_for_have_no_states_and_zero_vectors(tiny_base):
    found = compute(tiny(tiny_base), Leads(prompts()), [0, 2])
    assert found.batch(np.array([0, 1])) is None
    assert not found.vectors()[[1, 3]].any()
    assert found.vectors()[[0, 2]].any(axis=1).all()


@pytest.mark.parametrize("settings", [{"adapt_from": 0}, {"adapt": "none"}])
def test_without_layers_below_the_adapters_no_states_are_kept(tiny_base, settings):
    found = compute(tiny(tiny_base, **settings), Leads(prompts()))
    assert found.states is None
    assert found.batch(np.array([0])) is None


def test_states_that_do_not_fit_the_bound_are_not_kept(tiny_base, monkeypatch):
    monkeypatch.setattr(frozen_module, "STATES_BYTES", 100)
    assert compute(tiny(tiny_base), Leads(prompts())).states is None


def test_the_second_time_it_is_read_from_disk(tiny_base, monkeypatch):
    first = compute(tiny(tiny_base), Leads(prompts()))

    def never(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr(frozen_module, "_fill", never)
    again = compute(train_a_little(tiny(tiny_base)), Leads(prompts()))
    np.testing.assert_array_equal(again.features, first.features)
    np.testing.assert_array_equal(again.states, first.states)


@pytest.mark.parametrize(
    "settings",
    [{"quantisation": "nf4"}, {"layers": 3}, {"pooling": "last"}, {"adapt_from": 1}],
)
def test_another_trunk_is_another_file(tiny_base, settings, own_cache_folder):
    compute(tiny(tiny_base), Leads(prompts()))
    before = set(own_cache_folder.rglob("*.npy"))
    compute(tiny(tiny_base, **settings), Leads(prompts()))
    assert set(own_cache_folder.rglob("*.npy")) > before


def test_other_prompts_are_another_file(tiny_base):
    encoder = tiny(tiny_base)
    compute(encoder, Leads(prompts()))
    other = Leads(prompts(seed=1), fingerprint="other prompts")
    found = compute(encoder, other)
    np.testing.assert_allclose(found.vectors(), one_by_one(encoder, other), atol=1e-4)


def test_a_folder_with_new_weights_under_the_same_name_is_computed_anew(tiny_base, tmp_path):
    """A user may continue pretraining in place: id and revision stay the same then."""
    import shutil

    from transformers import AutoModelForCausalLM

    folder = tmp_path / "mine"
    shutil.copytree(tiny_base, folder)
    compute(tiny(folder), Leads(prompts()))
    changed = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        changed.model.layers[0].mlp.down_proj.weight.mul_(-1)
    changed.save_pretrained(folder)
    encoder, leads = tiny(folder), Leads(prompts())
    np.testing.assert_allclose(
        compute(encoder, leads).vectors(), one_by_one(encoder, leads), atol=1e-4
    )


def test_the_least_recently_used_states_go_first(tiny_base, monkeypatch, own_cache_folder):
    leads = [Leads(prompts(seed=k), fingerprint=str(k)) for k in range(3)]
    encoder = tiny(tiny_base)
    size = int(leads[0].length.sum()) * 64 * 4
    monkeypatch.setattr(frozen_module, "STATES_BYTES", 2 * size + 500)
    for k in (0, 1, 2):
        compute(encoder, leads[k])
    states = list((own_cache_folder / "states").glob("*.npy"))
    assert sum(file.stat().st_size for file in states) <= 2 * size + 500
    assert compute(encoder, leads[2]).states is not None
    assert len(list((own_cache_folder / "features").glob("*.npy"))) == 3


def test_a_pass_that_breaks_off_leaves_no_file(tiny_base, monkeypatch, own_cache_folder):
    def breaks(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(LeadEncoder, "dense", breaks)
    with pytest.raises(KeyboardInterrupt):
        compute(tiny(tiny_base), Leads(prompts()))
    assert not list(own_cache_folder.rglob("*.npy"))
