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
from safetensors.torch import load_file

from bioclip_x.hooks.registry import create_registry
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import read_config
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
    assert read_losses(base / "changed") == pytest.approx(read_losses(base / "one"), abs=1e-3), "rounding apart"


def test_sharded_towers_train_as_whole_ones_and_are_exported_whole(config_file: Path) -> None:
    """FSDP2: the model's file is an ordinary one, and one process resumes what two have saved in parts."""
    fields = {"workers": 0, "loss": "clip", "batch_size": 16}
    train(World(), config_file, fields | {"output": "one"})
    run_in_processes(train, 2, config_file, fields | {"output": "two", "shard": "fsdp", "epochs": 1})
    base = config_file.parent
    assert next((base / "two").glob("checkpoint-*")).is_dir()
    assert read_losses(base / "two") == pytest.approx(read_losses(base / "one")[:3], abs=1e-4)
    exported = load_file(base / "two" / "model" / "open_clip_model.safetensors")
    assert exported.keys() == load_file(base / "one" / "model" / "open_clip_model.safetensors").keys()
    train(World(), config_file, fields | {"output": "two"}, resume=True)
    assert read_losses(base / "two") == pytest.approx(read_losses(base / "one"), abs=1e-3)


def test_one_process_that_fails_ends_all_with_its_error_first(config_file: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "fails.py"
    plugin.write_text(
        "import os\nfrom bioclip_x import ComponentSpec, hookimpl\n\n\n"
        "class Fails:\n    def __call__(self, batch):\n"
        "        if os.environ['RANK'] == '1' and batch.step == 1:\n            raise ValueError('the second one is ill')\n"
        "        return (batch.gathered.image_MD @ batch.text_BD.T).mean()\n\n\n"
        "@hookimpl\ndef losses():\n    return [ComponentSpec('fails', 'for a test', f'{__name__}:Fails')]\n",
        "utf-8",
    )
    done = run_torchrun("--plugin", str(plugin), str(config_file), "--set", "loss=fails")
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "failed in __call__ at step 2: ValueError: the second one is ill" in errors[0]
    assert not (tmp_path / "run" / "model").exists()


def test_torchrun_starts_it(config_file: Path) -> None:
    done = run_torchrun(str(config_file), "--set", "epochs=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("run/model") and done.stdout.count("run/model") == 1
    assert "2 processes (cpu)" in done.stderr


def run_torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `bioclip-x train` in two processes."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--rdzv-backend=c10d",
        "--rdzv-endpoint=localhost:0", "-m", "bioclip_x", "train", *arguments,
    ]  # fmt: skip
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
