"""Where a saved model is loaded, in what precision, and from which revision of its base."""

import shutil

import pytest
import torch
import yaml

from leadrank.model.base_model import resolve_base
from leadrank.scoring.saved_model import SETTINGS, load_model

pytestmark = pytest.mark.slow


@pytest.fixture
def saved(small_run, tmp_path):
    """A copy of a run's model folder whose settings a test may change, and the way to do it."""
    folder = tmp_path / "model"
    shutil.copytree(small_run.folder / "model", folder)

    def change(**settings):
        content = yaml.safe_load((folder / SETTINGS).read_text())
        for key, value in settings.items():
            merged = {**content[key], **value} if isinstance(value, dict) else value
            content[key] = merged
        (folder / SETTINGS).write_text(yaml.safe_dump(content))
        return folder

    return change


@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
def test_it_computes_in_the_runs_precision_and_not_the_devices(saved, compute):
    loaded = load_model(saved(compute=compute), device="cpu")
    encoder = loaded.model.encoder
    assert encoder.compute == getattr(torch, compute)
    # What is not packed into 4 bit has the dtype of the products; head and adapters do not.
    assert encoder.trunk.norm.weight.dtype == getattr(torch, compute)
    learned = loaded.model.learned_state().values()
    assert {t.dtype for t in learned if t.is_floating_point()} == {torch.float32}
    ids = torch.tensor([[5, 6, 7, 8]])
    fields = torch.zeros(1, loaded.features.width)
    batch = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "fields": fields,
        "wide": torch.zeros(len(ids)),
    }
    with torch.inference_mode():
        assert loaded.model(batch).dtype == torch.float32
        # bfloat16 keeps 8 bits: about 1 in 256.
        expected = load_model(saved(compute="float32"), device="cpu").model(batch)
        torch.testing.assert_close(loaded.model(batch), expected, rtol=0.05, atol=0.05)


def test_without_a_gpu_it_is_on_the_cpu(saved, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = load_model(saved()).model
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert not model.training


def test_a_base_of_the_hub_is_had_in_the_runs_revision(saved, monkeypatch):
    """The hub is a stand-in: it notes what it is asked for and gives the embedded weights."""
    asked = []

    def download(name, *, revision, allow_patterns):
        asked.append((name, revision))
        return str(resolve_base("smollm2-135m").folder)

    folder = saved(
        base={"id": "someone/decoder", "revision": "0a1b2c3"},
        encoder={"base": "someone/decoder"},
    )
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    load_model(folder, device="cpu")
    assert asked == [("someone/decoder", "0a1b2c3")]
    # Given another place, that is where the base is, whatever its revision.
    load_model(folder, device="cpu", base=str(resolve_base("smollm2-135m").folder))
    assert len(asked) == 1
