"""A run that is resumed in a folder of its own still knows its best epoch."""

import torch

from leadrank.training.fit import BestCheckpoint


def test_the_best_epoch_so_far_comes_along(tmp_path):
    old, new = tmp_path / "version_0", tmp_path / "version_1"
    old.mkdir()
    (old / "best.ckpt").write_bytes(b"weights")
    before = BestCheckpoint(dirpath=old, monitor="val/average_precision", mode="max")
    before.best_model_path = before.kth_best_model_path = str(old / "best.ckpt")
    before.best_model_score = before.kth_value = torch.tensor(0.5)
    before.best_k_models = {before.best_model_path: before.best_model_score}
    after = BestCheckpoint(dirpath=new, monitor="val/average_precision", mode="max")
    after.load_state_dict(before.state_dict())
    assert after.best_model_score == 0.5
    assert after.best_model_path == str(new / "best.ckpt")
    assert (new / "best.ckpt").read_bytes() == b"weights"
    assert list(after.best_k_models) == [str(new / "best.ckpt")]
