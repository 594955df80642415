"""Whole runs in several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.registry import create_registry
from bioclip_x.training.config import read_config
from bioclip_x.training.processes.world import World
from bioclip_x.training.trainer import Trainer
from processes import run_in_processes


def train(world: World, file: Path, changes: dict[str, Any], resume: bool = False) -> list[torch.Tensor]:
    trainer = Trainer(read_config(file, changes), create_registry(), resume=resume, world=world)
    trainer.run()
    return [parameter.detach() for parameter in trainer.encoder.module.parameters()]


def read_losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    return [line["loss"] for line in sorted(lines, key=lambda line: line.get("step", 0)) if line["event"] == "step"]


@pytest.mark.parametrize("loss", ["unicl", "clip"])
def test_two_processes_train_as_one(config_file: Path, loss: str) -> None:
    """Batches are the same; sums are added in another order, so weights differ by rounding (float32)."""
    fields = {"loss": loss, "workers": 0, "texts_per_picture": 1}
    [expected] = [train(World(), config_file, fields | {"output": "one"})]
    for found in run_in_processes(train, 2, config_file, fields | {"output": "two", "accumulate": 2}):
        for a, b in zip(found, expected):
            torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-3)
    base = config_file.parent
    assert read_losses(base / "two") == pytest.approx(read_losses(base / "one"), abs=1e-4)


def test_another_number_of_processes_goes_on_with_the_same_data(config_file: Path) -> None:
    fields = {"workers": 0, "output": "changed"}
    run_in_processes(train, 2, config_file, fields | {"epochs": 1})
    train(World(), config_file, fields, resume=True)
    train(World(), config_file, fields | {"output": "one"})
    base = config_file.parent
    first, last = read_losses(base / "one"), read_losses(base / "changed")
    assert len(first) == len(last) == 6


def test_torchrun_starts_it(config_file: Path) -> None:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--rdzv-backend=c10d",
        "--rdzv-endpoint=localhost:0", "-m", "bioclip_x", "train", str(config_file), "--set", "epochs=1",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("run/model") and done.stdout.count("run/model") == 1
    assert "2 processes (cpu)" in done.stderr
