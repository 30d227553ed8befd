"""What a GPU asks of a training step and of its batches, as far as a CPU can tell."""

import collections

import pytest
import torch
from tiny_ranker import ranker_of, with_pairs
from torch.utils._python_dispatch import TorchDispatchMode

from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.ranker import LossSettings

#: What makes a program wait until the GPU is done, because the CPU wants to know a value.
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal", "is_nonzero")
READS = ("tolist", "numpy", "cpu")


class Waiting(TorchDispatchMode):
    """Counts the operations that would wait, by name."""

    def __init__(self):
        super().__init__()
        self.found = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        by_mask = name in ("index", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in WAITS or by_mask:
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def waiting(monkeypatch):
    found = Waiting()
    for name in READS:
        was = getattr(torch.Tensor, name)

        def counted(self, *given, _was=was, _name=name, **more):
            found.found[_name] += 1
            return _was(self, *given, **more)

        monkeypatch.setattr(torch.Tensor, name, counted)
    return found


def test_what_waits_is_seen(waiting):
    values = torch.tensor([1.0, 2.0])
    with waiting:
        values.sum().item()
        values[values > 1]
        values.tolist()
    assert waiting.found == {"_local_scalar_dense": 1, "index": 1, "tolist": 1}


@pytest.mark.parametrize("loss", ["bradley_terry", "hinge", "smoothed_bradley_terry"])
def test_a_step_waits_for_nothing_but_what_transformers_asks_of_the_mask(
    tiny_base, waiting, loss
):
    ranker = ranker_of(tiny_base, LossSettings(2.0, 1.0, pair_loss=loss))
    batch = with_pairs(ranker)
    with waiting:
        ranker.training_step(batch, 0).backward()
    # Twice a forward its SDPA mask asks whether there is padding; ours asks for no value.
    assert waiting.found == {"_local_scalar_dense": 2}
    waiting.found.clear()
    batch["vectors"] = torch.randn(4, ranker.model.encoder.width)
    with waiting:
        ranker.training_step(batch, 0).backward()
    assert not waiting.found


def test_batches_for_a_gpu_are_pinned_and_fetched_ahead(small_crm, data_of, monkeypatch):
    """With workers, a loader holds two batches of each ready (PyTorch's own default)."""
    data = data_of(small_crm, workers=1)
    data.setup("fit")
    for on_gpu in (False, True):
        monkeypatch.setattr(type(data), "_on_gpu", on_gpu)
        train, validate = data.train_dataloader(), data.val_dataloader()
        assert (train.pin_memory, validate.pin_memory) == (on_gpu, on_gpu)
        assert (train.prefetch_factor, train.persistent_workers) == (2, True)


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", torch.float32), ("cuda", torch.bfloat16)]
)
def test_products_are_in_bfloat16_on_a_gpu_alone(tiny_base, device, dtype):
    """Without adapters nothing is loaded before it is read, so no GPU is needed to ask."""
    encoder = LeadEncoder(EncoderSettings(str(tiny_base), layers=2, adapt="none"), device)
    assert encoder.compute == dtype
