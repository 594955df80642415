from __future__ import annotations

import copy
import errno
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bioclip_x.errors import TrainingError
from bioclip_x.training.checkpointing import checkpoints
from bioclip_x.training.checkpointing.checkpoints import Checkpoint, Place

FINGERPRINT = {"seed": 1, "loss": [{"name": "clip"}]}


def make_states(value: float = 0.0, width: int = 2) -> dict[str, Any]:
    return {"model": {"w": torch.full((width,), float(value))}}


def save(folder: Path, step: int, **changes: Any) -> Path:
    fields: dict[str, Any] = {"fingerprint": FINGERPRINT, "epochs": 5, "keep": 2} | changes
    return checkpoints.save(folder, Place(step, 1, 2, 0.5), make_states(step), **fields)


def load(path: Path, **changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {"template": make_states(), "fingerprint": FINGERPRINT, "epochs": 5} | changes
    return checkpoints.load(path, **fields)


def test_the_newest_is_loaded_and_older_ones_are_removed(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        save(tmp_path, step, metrics={"species accuracy": 0.5})
    assert [path.name for path in checkpoints.list_checkpoints(tmp_path)] == [
        "checkpoint-0000010.pt",
        "checkpoint-0000011.pt",
    ]
    loaded = load(checkpoints.find_newest(tmp_path), epochs=6)
    assert loaded.place == Place(11, 1, 2, 0.5) and loaded.metrics == {"species accuracy": 0.5}
    assert loaded.states["model"]["w"].tolist() == [11, 11]


def test_the_best_is_kept_until_there_is_a_better_one(tmp_path: Path) -> None:
    assert checkpoints.find_best(tmp_path) is None
    checkpoints.mark_best(save(tmp_path, 1), "species accuracy", 0.5)
    for step in (2, 3, 4):
        save(tmp_path, step)
    kept = [path.name for path in checkpoints.list_checkpoints(tmp_path)]
    assert kept == ["checkpoint-0000001.pt", "checkpoint-0000003.pt", "checkpoint-0000004.pt"]
    assert checkpoints.find_best(tmp_path) == tmp_path / "checkpoint-0000001.pt"
    checkpoints.mark_best(tmp_path / "checkpoint-0000004.pt", "species accuracy", 0.6)
    save(tmp_path, 5)
    assert [path.name[-4] for path in checkpoints.list_checkpoints(tmp_path)] == ["4", "5"]
    assert json.loads((tmp_path / "checkpoint-best.json").read_text())["value"] == 0.6


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_never_saved(tmp_path: Path, value: float) -> None:
    save(tmp_path, 1)
    states = {"model": {"a": torch.ones(3)}, "optimizer": {"state": {0: {"exp_avg": torch.tensor([1.0, value])}}}}
    with pytest.raises(
        TrainingError, match=r"optimizer\.state\.0\.exp_avg is not finite after step 2: nothing was saved"
    ):
        checkpoints.save(tmp_path, Place(2), states, fingerprint={}, epochs=1, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-0000001.pt"]


def test_an_interrupted_write_leaves_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)

    def killed(document: Any, handle: Any) -> None:
        handle.write(b"half a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-0000001.pt"]


def test_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in (".checkpoint-0000001.pt.abcdefgh.tmp", "model/.open_clip_model.safetensors.abcdefgh.tmp"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".checkpoint-0000002.abcdefgh.tmp").mkdir()
    save(tmp_path, 3)
    checkpoints.sweep_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["checkpoint-0000003.pt", "model"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool) -> None:
    save(tmp_path, 1)

    def full(document: Any, handle: Any) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        finally:
            if wrapped:
                raise RuntimeError("unexpected pos 6763712 vs 6763604")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(TrainingError, match=r"checkpoint-0000002\.pt cannot be written: .*No space left.* intact"):
            save(tmp_path, 2)
    assert load(checkpoints.find_newest(tmp_path)).place.step == 1


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


def test_checkpoints_of_other_runs_are_refused_with_what_differs(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="contains no checkpoint to resume from"):
        checkpoints.find_newest(tmp_path)
    path = save(tmp_path, 3)
    with pytest.raises(
        TrainingError, match=r"belongs to another run: seed: 1, now 2, loss\[0\]\.name: .clip., now .unicl.\."
    ):
        load(path, fingerprint={"seed": 2, "loss": [{"name": "unicl"}]})
    with pytest.raises(TrainingError, match=r"loss: \[.*\], now nothing"):
        load(path, fingerprint={"seed": 1})
    with pytest.raises(TrainingError, match="epochs was 5, now 4"):
        load(path, epochs=4)
    with pytest.raises(TrainingError, match=r"is of another model: model\.w: \[2\], now \[3\]"):
        load(path, template=make_states(width=3))
    with pytest.raises(TrainingError, match=r"model\.v: nothing, now \[1\], model\.w: \[2\], now nothing"):
        load(path, template={"model": {"v": torch.zeros(1)}})
    with pytest.raises(TrainingError, match="has the state of model, but this run has that of model, loss"):
        load(path, template=make_states() | {"loss": {}})


def test_a_damaged_checkpoint_is_reported_with_the_one_before_it(tmp_path: Path) -> None:
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    whole = second.read_bytes()
    second.write_bytes(whole[:100])
    with pytest.raises(
        TrainingError, match=r"0000002\.pt cannot be read: .*; delete it to resume from checkpoint-0000001\.pt"
    ):
        load(second)
    first.write_bytes(b"")
    with pytest.raises(TrainingError, match="there is no earlier one: delete it to start again"):
        load(first)
    torch.save({"format": 99}, second)
    with pytest.raises(TrainingError, match="not a checkpoint of this version"):
        load(second)
    torch.save({"format": Path("runs code")}, second)
    with pytest.raises(TrainingError, match="more than tensors and plain values"):
        load(second)


def find_data(raw: bytes) -> int:
    """Returns the place of the first byte of the tensor of `make_states(2.0)`."""
    return raw.index(np.array([2.0, 2.0], "<f4").tobytes())


def test_one_changed_bit_of_a_tensor_is_found(tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = save(tmp_path, 2)
    raw = bytearray(path.read_bytes())
    raw[find_data(bytes(raw))] ^= 1
    path.write_bytes(raw)
    assert torch.load(path, weights_only=True)["states"]["model"]["w"][0] != 2  # which torch alone does not find
    with pytest.raises(
        TrainingError, match=r"checksum of .* is wrong; delete it to resume from checkpoint-0000001\.pt"
    ):
        load(path)


def test_the_remedy_names_a_checkpoint_that_is_whole(tmp_path: Path) -> None:
    paths = [save(tmp_path, step, keep=9) for step in (1, 2, 3)]
    for path in paths[1:]:
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(TrainingError, match=r"delete \S+3\.pt and \S+2\.pt to resume from checkpoint-0000001\.pt"):
        load(paths[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"place": {"step": 10**18, "epoch": 1, "epoch_step": 2, "epoch_loss": 0.5}}, "place.step"),
        ({"place": {"step": 2}}, "place.epoch"),
        ({"fingerprint": "{"}, "fingerprint"),
        ({"metrics": {"a": float("nan")}}, "metrics"),
        ({"states": [1]}, "states"),
        ({"states": {"model": {"w": torch.full((2,), float("nan"))}}}, "model.w is not finite"),
    ],
)
def test_what_a_checkpoint_says_is_checked(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = save(tmp_path, 2)
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(TrainingError, match=f"cannot be read: {message}"):
        load(path)


def test_progress_must_be_that_of_the_run(tmp_path: Path) -> None:
    path = save(tmp_path, 5)  # of epoch 1, after 2 of its steps
    assert load(path, steps_per_epoch=3).place.step == 5
    with pytest.raises(TrainingError, match="step 5 is not in epoch 1 of 5"):
        load(path, steps_per_epoch=4)


@pytest.mark.parametrize("change", ["shape", "kind", "missing", "rate"])
def test_an_optimiser_takes_no_state_of_another(tmp_path: Path, change: str) -> None:
    weights = [torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(4))]
    optimizer = torch.optim.AdamW(weights, lr=0.1)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    checkpoints.restore(tmp_path / "x.pt", {"optimizer": optimizer}, {"optimizer": copy.deepcopy(state)})
    if change == "shape":
        state["state"][0]["exp_avg"] = torch.zeros(2)
    elif change == "kind":
        state["state"][0]["exp_avg"] = torch.zeros(3, 2, dtype=torch.long)
    elif change == "missing":
        del state["state"][0]["exp_avg"]
    else:
        state["param_groups"][0]["lr"] = float("nan")
    with pytest.raises(TrainingError, match="the state of optimizer"):
        checkpoints.restore(tmp_path / "x.pt", {"optimizer": optimizer}, {"optimizer": state})
