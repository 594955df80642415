"""Peak memory of `bioclip-x classify` for many images, compared with few.

The images are drawings of the field guide. One in ten is large, and the large ones are consecutive, so that all threads decode
large images at the same time. The many images are hard links to the few. Each sample is a separate process, which reports its
peak resident memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import Captions, Figure, Target, measure_alternately

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
if own.exists():  # unlike getrusage, it is reset by exec
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
            many, few = (
                partial(_measure_peak_mib, Path(folder), folder_name, options) for folder_name in ("many", "few")
            )
            few()  # embeds the texts
            captions = Captions(f"{MANY:,} images", f"{FEW:,} images", "MiB")
            figures[name] = Figure(captions, TARGET, measure_alternately(many, few, rounds))
    return figures


def _measure_peak_mib(folder: Path, image_folder: str, options: list[str]) -> float:
    command = ["classify", image_folder, "--quiet", "--output", "results.csv", *options]
    env = {**os.environ, "BIOCLIP_X_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return int(done.stdout.split()[-1]) / 1024


def _draw(folder: Path) -> None:
    few, many = folder / "few", folder / "many"
    few.mkdir()
    many.mkdir()
    species = load_species()
    for i in range(FEW):
        drawing = draw_species(species[i % len(species)].name, (2027, i), SIZE).image
        if i % 50 < 5:
            drawing = drawing.resize(LARGE)
        drawing.save(few / f"{i:05}.jpg", quality=90)
    for i in range(MANY):
        (many / f"{i:05}.jpg").hardlink_to(few / f"{i % FEW:05}.jpg")
