"""Time and peak memory of reading taxonomies, each in a separate process, imports excluded.

The real taxonomies are those that the tests use if they are next to the checkout (shared/data/taxonomy_scale): 174,818 species
with their ranks as CSV, and a Newick tree of 123,182 plants. Without them, only the million generated leaves are measured.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from big_tree import make_rows
from peers.figures import Limit

from bioclip_x.taxonomy import LINNAEAN

ROUNDS = 5
LEAVES = 1_000_000


def measure(rounds: int) -> dict[str, Limit]:
    figures = {}
    with TemporaryDirectory() as folder:
        data = Path(__file__).parents[3] / "shared" / "data" / "taxonomy_scale"
        if data.is_dir():
            table, newick = data / "species_ranks.csv", data / "tree_plant_Carruthers.nwk"
            reads = [_run_child("read", table) for _ in range(rounds)]
            figures["174,818 species as CSV"] = _make_limit("read", "s", reads, "seconds", 2)
            figures["174,818 species as CSV, memory"] = _make_limit(
                "peak of the whole process", "MiB", reads, "peak", 400
            )
            cached = [_run_child("cached", table, folder) for _ in range(rounds + 1)][1:]  # the first fills the cache
            figures["174,818 species, compiled before"] = _make_limit("read", "s", cached, "seconds", 0.2)
            reads = [_run_child("read", newick) for _ in range(rounds)]
            figures["123,182 plants as Newick"] = _make_limit("read", "s", reads, "seconds", 3)
        million = _write_million(Path(folder))
        whole = [_run_child("whole", million) for _ in range(min(rounds, 3))]
        what = "read, validated and rolled up for 16 images: peak of the whole process"
        figures[f"{LEAVES:,} generated leaves, memory"] = _make_limit(what, "MiB", whole, "peak", 4096)
    return figures


def _make_limit(what: str, unit: str, reports: list[dict[str, float]], key: str, most: float) -> Limit:
    return Limit(what, unit, tuple(report[key] for report in reports), most=most)


def _write_million(folder: Path) -> Path:
    file = folder / "million.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        named: Any = make_rows((7, 60, 300, 1_500, 9_500, 150_000, LEAVES))
        csv.writer(stream).writerows(chain([LINNAEAN], (lineage for lineage, _ in named)))
    return file


def _run_child(what: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "peers.taxonomy", what, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    report: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return report


def _measure_reading(what: str, path: Path, cache: Path | None = None) -> dict[str, float]:
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.hooks.registry import create_registry

    registry = create_registry()
    import pyarrow  # noqa: F401  the import is not part of the measurement

    began = perf_counter()
    taxonomy = read_taxonomy(registry, path, cache=cache)
    seconds = perf_counter() - began
    if what == "whole":
        _check_and_roll_up(taxonomy)
    status = Path("/proc/self/status").read_text()
    [peak] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return {"seconds": seconds, "peak": int(peak.split()[1]) / 1024}


def _check_and_roll_up(taxonomy: Any) -> None:
    import torch

    from bioclip_x.records import Logits
    from bioclip_x.taxonomy.editing.validate import check
    from bioclip_x.taxonomy.scoring.rollup import roll_up

    assert taxonomy.n_classes == LEAVES
    assert not [problem for problem in check(taxonomy) if problem.is_error]
    logits = Logits(lambda start, stop: torch.randn(stop - start, 16), 16, LEAVES)
    roll_up(logits, taxonomy, tuple(taxonomy.rank_tables))


if __name__ == "__main__":
    print(json.dumps(_measure_reading(sys.argv[1], *map(Path, sys.argv[2:]))))
