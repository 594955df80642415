"""The time to classify one image, compared with importing the unavoidable dependencies.

Each sample is a separate process. Runs are warm: the class texts have been embedded and the files read by an earlier run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from peers.figures import Captions, Figure, Target, measure_alternately, seconds

ROUNDS = 9
TARGET = Target("at most", 1.3)
IMPORTS = [sys.executable, "-c", "import torch, open_clip"]
CLASSIFY = [sys.executable, "-m", "bioclip_x", "classify"]
IMAGE = Path(__file__).parents[2] / "examples" / "drawings" / "amanita-muscaria.png"
COMMANDS = {
    "one image named": [],
    "one image named and explained": ["--plugin", "descriptors"],
}


def measure(rounds: int) -> dict[str, Figure]:
    figures = {}
    with TemporaryDirectory() as folder:
        for name, options in COMMANDS.items():
            run_project, run_peer = (
                partial(_run, command, folder) for command in ([*CLASSIFY, *options, str(IMAGE)], IMPORTS)
            )
            run_project(), run_peer()  # warm up
            captions = Captions(
                " ".join(["bioclip-x classify", *options, IMAGE.name]), 'python -c "import torch, open_clip"', "s"
            )
            samples = measure_alternately(partial(seconds, run_project), partial(seconds, run_peer), rounds)
            figures[name] = Figure(captions, TARGET, samples)
    return figures


def _run(command: list[str], folder: str) -> None:
    env = {**os.environ, "BIOCLIP_X_CACHE": str(Path(folder, "cache"))}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
