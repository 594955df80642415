"""How long a user waits for the name of one image, against importing what no such program can do without.

Each sample is a process of its own. Warm: the texts of the classes have been embedded by an earlier run, and what is
read from disk has been read before.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import Figure, Sides, Target, by_turns, seconds

ROUNDS = 9
TARGET = Target("at most", 1.3)
IMPORTS = [sys.executable, "-c", "import torch, open_clip"]
CLASSIFY = [sys.executable, "-m", "bioclip_x", "classify"]
PICTURE = Path(__file__).parents[1] / "examples" / "drawings" / "amanita-muscaria.png"
COMMANDS = {
    "one image named": [],
    "one image named and explained": ["--plugin", "descriptors"],
}


def measure(rounds: int) -> dict[str, Figure]:
    figures = {}
    with TemporaryDirectory() as folder:
        for name, options in COMMANDS.items():
            ours, peers = (partial(_run, command, folder) for command in ([*CLASSIFY, *options, str(PICTURE)], IMPORTS))
            ours(), peers()  # the first run of each warms it
            sides = Sides(
                " ".join(["bioclip-x classify", *options, PICTURE.name]), 'python -c "import torch, open_clip"', "s"
            )
            samples = by_turns(partial(seconds, ours), partial(seconds, peers), rounds)
            figures[name] = Figure(sides, TARGET, samples)
    return figures


def _run(command: list[str], folder: str) -> None:
    env = {**os.environ, "BIOCLIP_X_CACHE": str(Path(folder, "cache"))}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
