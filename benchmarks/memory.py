"""Peak memory of `bioclip-x classify`, many images against few.

The images are drawings of the field guide, one in ten of them large, and these side by side, so that all threads meet
with large ones at once in either run. An image of the many is one of the few under another name. Each sample is a
process of its own, which tells the most memory it had resident.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import Figure, Sides, Target, by_turns

from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import load_species

ROUNDS = 3
TARGET = Target("at most", 1.05)
FEW, MANY = 100, 5_000
SIZE, LARGE = 256, (2400, 1800)
OUTPUTS = {"a CSV file": [], "a CSV file and an HTML report": ["--report", "report.html"]}
CHILD = """
import resource, sys
from pathlib import Path
from bioclip_x.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    status, own = end.code, Path("/proc/self/status")
if own.exists():  # unlike getrusage, it begins anew with the program
    [peak] = [int(line.split()[1]) for line in own.read_text().splitlines() if line.startswith("VmHWM")]
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(peak)
sys.exit(status)
"""


def measure(rounds: int) -> dict[str, Figure]:
    figures = {}
    with TemporaryDirectory() as folder:
        _draw(Path(folder))
        for name, options in OUTPUTS.items():
            many, few = (partial(_peak_mib, Path(folder), pictures, options) for pictures in ("many", "few"))
            few()  # embeds the texts
            sides = Sides(f"{MANY:,} images", f"{FEW:,} images", "MiB")
            figures[name] = Figure(sides, TARGET, by_turns(many, few, rounds))
    return figures


def _peak_mib(folder: Path, pictures: str, options: list[str]) -> float:
    command = ["classify", pictures, "--quiet", "--output", "results.csv", *options]
    env = {**os.environ, "BIOCLIP_X_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return int(done.stdout.split()[-1]) / 1024


def _draw(folder: Path) -> None:
    few, many = folder / "few", folder / "many"
    few.mkdir(), many.mkdir()
    species = load_species()
    for i in range(FEW):
        drawing = draw_species(species[i % len(species)].name, (2027, i), SIZE).image
        if i % 50 < 5:
            drawing = drawing.resize(LARGE)
        drawing.save(few / f"{i:05}.jpg", quality=90)
    for i in range(MANY):
        (many / f"{i:05}.jpg").hardlink_to(few / f"{i % FEW:05}.jpg")
