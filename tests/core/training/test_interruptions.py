"""Runs that are stopped by signals, numbers that are not finite and full disks, and what resumes from them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bioclip_x import hookimpl
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.training import LossInput, RunContext, StepEnd
from bioclip_x.training.checkpointing import checkpoints
from bioclip_x.training.config import read_config
from bioclip_x.training.trainer import Outcome, Trainer

WEIGHTS = "model/open_clip_model.safetensors"


class Sender:
    """Sends this process a signal at a step, from within it."""

    def __init__(self, step: int, sent: signal.Signals) -> None:
        self.step, self.sent = step, sent

    @hookimpl
    def training_step_ended(self, event: StepEnd) -> None:
        if event.step == self.step:
            os.kill(os.getpid(), self.sent)


def train(file: Path, output: str, *, resume: Any = False, plugin: Any = None, **changes: Any) -> Outcome:
    registry = create_registry()
    trainer = Trainer(read_config(file, {"output": output, **changes}), registry, resume=resume)
    if plugin is not None:
        registry.manager.register(plugin)
    return trainer.run()


def list_steps(folder: Path) -> list[int]:
    return [int(path.stem[-7:]) for path in checkpoints.list_checkpoints(folder)]


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_saves_and_the_resumed_run_is_the_same(config_file: Path, workers: int) -> None:
    folder = config_file.parent
    train(config_file, "whole", workers=0)
    with pytest.raises(KeyboardInterrupt):
        train(config_file, "broken", workers=workers, plugin=Sender(2, signal.SIGINT))
    # The hook is told of a step when the next one is done.
    assert list_steps(folder / "broken") == [3] and not (folder / "broken" / "model").exists()
    train(config_file, "broken", resume="auto", workers=workers)
    assert (folder / "broken" / WEIGHTS).read_bytes() == (folder / "whole" / WEIGHTS).read_bytes()


def test_sigusr1_saves_and_goes_on(config_file: Path) -> None:
    train(config_file, "run", plugin=Sender(4, signal.SIGUSR1), keep=3)
    assert list_steps(config_file.parent / "run") == [3, 5, 6]


def test_a_hook_asks_for_a_checkpoint(config_file: Path) -> None:
    class Saver:
        @hookimpl
        def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
            if event.step == 1:
                run.save()

    train(config_file, "run", plugin=Saver(), keep=3)
    assert list_steps(config_file.parent / "run") == [2, 3, 6]


def test_resume_auto_starts_and_then_resumes(config_file: Path) -> None:
    assert train(config_file, "run", resume="auto", epochs=1).steps == 3
    assert train(config_file, "run", resume="auto", epochs=2).steps == 6
    with pytest.raises(TrainingError, match="contains no checkpoint to resume from"):
        train(config_file, "other", resume=True)


class Spoiler(torch.nn.Module):
    """A loss whose value is finite, and whose gradient is not, from the third step on."""

    def forward(self, batch: LossInput) -> torch.Tensor:
        loss = (batch.image_BD * batch.text_BD).sum()
        if batch.step < 2:
            return loss
        return loss + (batch.image_BD[0, 0] * 0).abs().sqrt()


@pytest.mark.parametrize("grad_clip", [1.0, None])
def test_weights_that_are_not_finite_are_never_saved(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, grad_clip: float | None
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bioclip_x_plugins.losses.clip.Clip", Spoiler)
        with pytest.raises(TrainingError, match="gradient's norm nan at step 3"):
            train(config_file, "run", loss="clip", checkpoint_every=1, grad_clip=grad_clip)
    folder = config_file.parent / "run"
    assert list_steps(folder) == [1, 2] and not (folder / "model").exists()
    for path in checkpoints.list_checkpoints(folder):
        states = torch.load(path, weights_only=True)["states"]
        assert all(tensor.isfinite().all() for tensor in states["model"].values())


def test_weights_that_a_hook_has_spoilt_are_never_saved(config_file: Path) -> None:
    class Breaker:
        @hookimpl
        def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
            if event.step == 2:
                run.encoder.module.logit_scale.data.fill_(float("nan"))

    with pytest.raises(TrainingError, match=r"nan|not finite"):
        train(config_file, "run", plugin=Breaker(), checkpoint_every=1)
    states = torch.load(checkpoints.find_newest(config_file.parent / "run"), weights_only=True)["states"]
    assert all(tensor.isfinite().all() for tensor in states["model"].values())


def test_labels_shuffled_in_place_are_refused_and_a_moved_table_is_accepted(config_file: Path) -> None:
    folder = config_file.parent
    images = sorted((folder / "squares").glob("*/*.png"))
    rows = [f"{path.relative_to(folder)},{path.parent.name.replace('_', ' ')}" for path in images]
    table = folder / "table.csv"
    table.write_text("path,label\n" + "\n".join(rows), "utf-8")
    data = {"name": "manifest", "path": str(table)}
    train(config_file, "run", data=data, epochs=1)
    labels = [row.split(",")[1] for row in rows]
    shuffled = [f"{row.split(',')[0]},{label}" for row, label in zip(rows, labels[12:] + labels[:12])]
    table.write_text("path,label\n" + "\n".join(shuffled), "utf-8")
    with pytest.raises(TrainingError, match=r"belongs to another run: data\[0\]\.content: .*, now "):
        train(config_file, "run", data=data, resume=True)
    moved = folder / "elsewhere"
    moved.mkdir()
    shutil.copytree(folder / "squares", moved / "squares")
    (moved / "renamed.csv").write_text("path,label\n" + "\n".join(rows), "utf-8")
    table.unlink()
    assert train(config_file, "run", data=data | {"path": str(moved / "renamed.csv")}, resume=True).steps == 6


def test_a_full_disk_leaves_the_last_checkpoint_to_resume_from(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config_file, "whole")
    whole = torch.save

    def fill(document: Any, handle: Any) -> None:
        if document["place"]["step"] > 2:
            handle.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(document, handle)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fill)
        with pytest.raises(TrainingError, match=r"checkpoint-0000003\.pt cannot be written: .*No space left.*intact"):
            train(config_file, "run", checkpoint_every=1)
    folder = config_file.parent
    assert list_steps(folder / "run") == [1, 2]
    train(config_file, "run", resume=True)
    assert (folder / "run" / WEIGHTS).read_bytes() == (folder / "whole" / WEIGHTS).read_bytes()


def test_weights_too_large_for_half_precision_are_exported_in_single(config_file: Path) -> None:
    class Grower:
        @hookimpl
        def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
            if event.step == 2:
                run.encoder.module.token_embedding.weight.data[0, 0] = 1e6

    outcome = train(config_file, "run", plugin=Grower(), epochs=1)
    weights = load_file(outcome.model / "open_clip_model.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    assert weights["token_embedding.weight"][0, 0] == pytest.approx(1e6, rel=0.01)
    assert weights["visual.proj"].dtype == torch.float16


def test_the_log_of_an_interrupted_run_ends_with_the_saved_step(config_file: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config_file, "run", plugin=Sender(2, signal.SIGINT))
    lines = [json.loads(line) for line in (config_file.parent / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == [1, 2, 3]
