"""The log of a training run, and disks that refuse it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.records.training import EpochEnd, StepEnd
from bioclip_x_plugins.jsonl_log import epoch_ended, training_step_ended


def step(folder: Path, number: int) -> None:
    training_step_ended(StepEnd(number, 1, 0.5, 1e-3, 14.0, 100.0, folder))


def test_a_line_a_step_and_one_an_epoch(tmp_path: Path) -> None:
    step(tmp_path / "run", 1)
    epoch_ended(EpochEnd(1, 0.5, tmp_path / "run"))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["step", "epoch"]
    assert lines[1] == {"event": "epoch", "epoch": 1, "mean_loss": 0.5}


def test_a_log_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(TrainingError, match=r"log\.jsonl cannot be written: .*the checkpoints beside it are untouched"):
        step(tmp_path, 1)
    with pytest.raises(TrainingError, match="cannot be written"):
        (tmp_path / "file").write_text("")
        step(tmp_path / "file", 1)


def test_a_line_that_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    log, room = tmp_path / "log.jsonl", 1 << 20
    log.write_bytes(b" " * (room - 11) + b"\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(TrainingError, match="cannot be written: No space left"):
            step(tmp_path, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert log.stat().st_size == room - 10
