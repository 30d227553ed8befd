"""A saved model is the model: on scores, in another process, in 4 bit and dense, or refused."""

import copy
import dataclasses
import shutil

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from leadrank.errors import UserError
from leadrank.funnel import load_crm_file
from leadrank.model.cpu_engine import LAYERS
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.field_features import FieldFeatures
from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.lead_model import LeadModel
from leadrank.model.wide import WideBranch
from leadrank.scoring.calibration import Calibration
from leadrank.scoring.saved_model import SavedModel, load_model, save_model
from leadrank.text import PromptTemplate
from leadrank.text.ngrams import NGrams


@pytest.fixture(scope="module")
def encoder(embedded_base):
    return LeadEncoder(EncoderSettings(layers=2, adapt_from=1))


@pytest.fixture
def saved(encoder, small_crm):
    """A model whose adapters, head and scaling all differ from those of a new one."""
    noise = torch.Generator().manual_seed(0)
    rows = pl.DataFrame(
        {"visits": [1.0, 2.0, 7.0] * 5, "channel": ["fair", "friend", None] * 5}
    )
    features = FieldFeatures.fit(rows, ["visits"], ["channel"])
    head = ScoreHead(
        HeadSettings(hidden=8), encoder.width, features.width, features.cross_columns()
    )
    model = LeadModel(copy.deepcopy(encoder), head).eval()
    with torch.no_grad():
        for tensor in model.learned_state().values():
            tensor.add_(torch.randn(tensor.shape, generator=noise).abs() * 0.05)
    return SavedModel(
        model, load_crm_file(small_crm.crm), PromptTemplate(prefix="Lead:\n", cut_first=("a",)),
        features, Calibration(0.5, -1.0), 0.31,
    )  # fmt: skip


@torch.no_grad()
def score(model, width):
    ids = torch.arange(60).view(4, 15) + 500
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    fields = torch.linspace(0, 1, 4 * width).view(4, width)
    return model(
        {
            "input_ids": ids,
            "attention_mask": mask,
            "fields": fields,
            "wide": torch.zeros(len(ids)),
        }
    )


def test_a_reloaded_model_scores_as_the_one_in_memory(saved, tmp_path):
    save_model(tmp_path, saved)
    again = load_model(tmp_path, device="cpu")
    width = saved.features.width
    expected = score(saved.model, width)
    assert expected.std() > 0.01
    torch.testing.assert_close(score(again.model, width), expected, rtol=0, atol=1e-5)
    assert not again.model.training


@pytest.mark.parametrize("engine", list(LAYERS))
@pytest.mark.parametrize("trained_in", ["float32", "bfloat16"])
def test_an_engine_for_cpus_keeps_all_but_its_layers_in_float32(
    saved, tmp_path, engine, trained_in
):
    save_model(tmp_path, saved)
    file = tmp_path / "model.yaml"
    settings = yaml.safe_load(file.read_text("utf-8")) | {"compute": trained_in}
    file.write_text(yaml.safe_dump(settings), "utf-8")
    trunk = load_model(tmp_path, engine=engine).model.encoder.trunk
    assert any(isinstance(module, LAYERS[engine]) for module in trunk.modules())
    assert {parameter.dtype for parameter in trunk.parameters()} == {torch.float32}


def test_what_reads_a_table_comes_back_too(saved, tmp_path):
    save_model(tmp_path, saved)
    again = load_model(tmp_path)
    for name in ("template", "features", "calibration", "base_rate"):
        assert getattr(again, name) == getattr(saved, name), name
    assert again.crm.stage_names == saved.crm.stage_names
    assert again.crm.fields == saved.crm.fields


@pytest.mark.parametrize(
    "wide", [None, WideBranch(NGrams(("loan",), (1.5,)), np.array([0.1], np.float32))]
)
def test_the_wide_branch_comes_back_or_stays_away(saved, tmp_path, wide):
    (tmp_path / "wide.json").write_text("left from another model", "utf-8")
    save_model(tmp_path, dataclasses.replace(saved, wide=wide))
    again = load_model(tmp_path).wide
    assert (again and again.to_dict()) == (wide and wide.to_dict())


def test_the_folder_holds_no_base_and_nothing_that_runs(saved, tmp_path):
    folder = tmp_path / "model"
    save_model(folder, saved)
    kinds = {file.suffix for file in folder.iterdir()}
    assert kinds == {".safetensors", ".yaml", ".json"}
    assert set(load_file(folder / "weights.safetensors")) == set(saved.model.learned_state())


def test_saving_twice_overwrites(saved, tmp_path):
    save_model(tmp_path, saved)
    other = dataclasses.replace(saved, base_rate=0.5)
    save_model(tmp_path, other)
    assert load_model(tmp_path).base_rate == 0.5


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_weights_of_another_architecture_are_refused(saved, tmp_path, change):
    save_model(tmp_path, saved)
    state = load_file(tmp_path / "weights.safetensors")
    if change == "missing":
        del state["head.linear.weight"]
    else:
        state["head.second.weight"] = torch.zeros(1)
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=f"{change} .*head"):
        load_model(tmp_path)


@pytest.fixture
def tiny_base(tmp_path):
    """A folder with a random decoder."""
    from transformers import LlamaConfig, LlamaModel

    def build(seed):
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2,
        )  # fmt: skip
        folder = tmp_path / f"base-{seed}"
        LlamaModel(config).save_pretrained(folder)
        return folder

    return build


@pytest.fixture
def saved_on_a_folder(saved, tiny_base):
    encoder = LeadEncoder(EncoderSettings(str(tiny_base(0)), layers=2, adapt_from=1))
    head = ScoreHead(
        HeadSettings(), encoder.width, saved.features.width, saved.features.cross_columns()
    )
    return dataclasses.replace(saved, model=LeadModel(encoder, head))


def test_a_base_with_other_weights_is_refused(saved_on_a_folder, tiny_base, tmp_path):
    save_model(tmp_path / "model", saved_on_a_folder)
    with pytest.raises(
        UserError, match=r"other weights than .* give the right folder with --b"
    ):
        load_model(tmp_path / "model", base=str(tiny_base(1)))


def test_a_base_that_has_moved_is_given(saved_on_a_folder, tmp_path):
    save_model(tmp_path / "model", saved_on_a_folder)
    shutil.move(tmp_path / "base-0", tmp_path / "moved")
    with pytest.raises(UserError, match="base-0"):
        load_model(tmp_path / "model")
    again = load_model(tmp_path / "model", base=str(tmp_path / "moved"))
    assert again.model.encoder.base.folder == tmp_path / "moved"


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="no model here"):
        load_model(tmp_path)
