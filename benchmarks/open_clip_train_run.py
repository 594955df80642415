"""Runs `open_clip_train.main` as it is, and reads its times: the peer of the training benchmarks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CHILD = """
import inspect, sys
from functools import partial
import open_clip
import open_clip_train.data as data
from open_clip_train.main import main
if "eof_value" in inspect.signature(data.tar_file_expander).parameters:
    # Newer versions of webdataset mark the end of each shard, which open_clip takes for a sample.
    data.tar_file_expander = partial(data.tar_file_expander, eof_value=None)
open_clip.add_model_config(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""
TIMES = re.compile(r"Data \(t\): ([\d.]+) Batch \(t\): ([\d.]+),")


class PeerStep(NamedTuple):
    """Wall-clock seconds of a step, and those of them spent waiting for data."""

    seconds: float
    data_wait: float


def run_peer(
    folder: Path, model: Mapping[str, Any], options: Sequence[str], *, name: str, env: Mapping[str, str] | None = None
) -> list[PeerStep]:
    """Trains for one epoch. Returns the times of every step; raises RuntimeError where it fails.

    folder: for the model's configuration and logs. model: its model_cfg. options: of `open_clip_train.main`. name: of the run,
    new in this folder.
    """
    configs = folder / "configs"
    configs.mkdir(exist_ok=True)
    (configs / "benchmarked.json").write_text(json.dumps(model), "utf-8")
    fixed = [
        "--model",
        "benchmarked",
        "--epochs",
        "1",
        "--log-every-n-steps",
        "1",
        "--logs",
        str(folder),
        "--name",
        name,
    ]
    command = [sys.executable, "-c", CHILD, str(configs), *fixed, *options]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"open_clip_train ended with {done.returncode}: {done.stderr[-3000:]}")
    log = (folder / name / "out.log").read_text("utf-8")
    return [PeerStep(float(seconds), float(wait)) for wait, seconds in TIMES.findall(log)]
