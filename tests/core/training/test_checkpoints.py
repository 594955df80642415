from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.errors import TrainingError
from bioclip_x.training import checkpoints
from bioclip_x.training.checkpoints import Place


def save(folder: Path, step: int, **changes: Any) -> Path:
    fields: dict[str, Any] = {"fingerprints": {"seed": "1"}, "epochs": 5, "keep": 2} | changes
    return checkpoints.save(folder, Place(step, 1, 2, 0.5), {"model": {"w": torch.full((2,), float(step))}}, **fields)


def test_the_newest_is_loaded_and_older_ones_are_removed(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        save(tmp_path, step)
    assert [path.name for path in checkpoints.list_checkpoints(tmp_path)] == [
        "checkpoint-0000010.pt",
        "checkpoint-0000011.pt",
    ]
    place, states = checkpoints.load_newest(tmp_path, fingerprints={"seed": "1"}, epochs=6)
    assert place == Place(11, 1, 2, 0.5)
    assert states["model"]["w"].tolist() == [11, 11]


def test_an_interrupted_write_leaves_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)

    def killed(document: Any, handle: Any) -> None:
        handle.write(b"half a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-0000001.pt"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool) -> None:
    def full(document: Any, handle: Any) -> None:
        try:
            raise OSError(28, "No space left on device")
        finally:
            if wrapped:
                raise RuntimeError("unexpected pos 6763712 vs 6763604")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match=r"checkpoint-0000002\.pt cannot be written: .*No space left"):
        save(tmp_path, 2)


@pytest.mark.parametrize("below", ["", "run", "deep/run"])
def test_an_unwritable_folder_is_reported(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / below
    message = f"the folder {folder} cannot be written: {tmp_path / 'file'} is not a folder; name another"
    with pytest.raises(TrainingError, match=re.escape(message)):
        checkpoints.check_writable(folder)
    checkpoints.check_writable(tmp_path / "new" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_permission_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)  # the tests may run as root, who has all permissions
    with pytest.raises(TrainingError, match="run cannot be written: Permission denied"):
        checkpoints.check_writable(tmp_path / "run")


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="contains no checkpoint to resume from"):
        checkpoints.load_newest(tmp_path, fingerprints={}, epochs=1)
    path = save(tmp_path, 3)
    with pytest.raises(TrainingError, match=r"another seed: 1, now 2\."):
        checkpoints.load_newest(tmp_path, fingerprints={"seed": "2"}, epochs=5)
    with pytest.raises(TrainingError, match="epochs was 5, now 4"):
        checkpoints.load_newest(tmp_path, fingerprints={"seed": "1"}, epochs=4)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match="cannot be read"):
        checkpoints.load_newest(tmp_path, fingerprints={"seed": "1"}, epochs=5)
    torch.save({"format": 99}, path)
    with pytest.raises(TrainingError, match="not a checkpoint of this version"):
        checkpoints.load_newest(tmp_path, fingerprints={"seed": "1"}, epochs=5)
