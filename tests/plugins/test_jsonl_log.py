"""The log of a training run, and disks that refuse it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.records.training import EpochEnd, StepEnd, Validated
from bioclip_x_plugins.jsonl_log import epoch_ended, training_step_ended, validated

RUN: Any = None


def step(folder: Path, number: int, norm: float = 2.0) -> None:
    losses = {"unicl": 0.4, "hxe": 0.1}
    event = StepEnd(number, 1, 0.5, 1e-3, 14.0, 100.0, folder, losses, norm, 0.01, 0.25, 1 << 20)
    training_step_ended(event, RUN)


def read(folder: Path) -> list[dict[str, Any]]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line, parse_constant=refuse) for line in lines]


def test_a_line_a_step_a_validation_and_an_epoch(tmp_path: Path) -> None:
    step(tmp_path / "run", 1)
    metrics = {"species_top1": 0.5, "severity": 1.5}
    validated(Validated(1, 1, metrics, "species_top1", True, 40, 1.5, tmp_path / "run"), RUN)
    epoch_ended(EpochEnd(1, 0.5, tmp_path / "run"), RUN)
    assert read(tmp_path / "run") == [
        {
            "event": "step", "step": 1, "epoch": 1, "loss": 0.5, "losses": {"unicl": 0.4, "hxe": 0.1},
            "learning_rate": 1e-3, "logit_scale": 14.0, "gradient_norm": 2.0, "images_per_second": 100.0,
            "data_wait": 0.01, "data_wait_fraction": 0.25, "memory": 1 << 20,
        },
        {
            "event": "validation", "step": 1, "epoch": 1, "metrics": metrics, "metric": "species_top1", "is_best": True,
            "images": 40, "seconds": 1.5,
        },
        {"event": "epoch", "epoch": 1, "mean_loss": 0.5},
    ]  # fmt: skip


def test_a_number_that_is_not_finite_is_null(tmp_path: Path) -> None:
    """Of a step that fp16 skipped, the gradient's norm is infinite."""
    step(tmp_path, 1, norm=float("inf"))
    assert read(tmp_path)[0]["gradient_norm"] is None


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
