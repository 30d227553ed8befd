"""The bound of the kept states."""

import os

from leadrank.model import frozen


def test_the_least_recently_used_states_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(frozen, "STATES_BYTES", 250)
    for age, name in enumerate(("new", "old", "oldest")):
        (tmp_path / f"{name}.npy").write_bytes(bytes(100))
        os.utime(tmp_path / f"{name}.npy", (1000 - age, 1000 - age))
    assert frozen._make_room(tmp_path, 100)  # 300 + 100 bytes: two files have to go
    assert [file.name for file in tmp_path.iterdir()] == ["new.npy"]
