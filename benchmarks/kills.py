"""Kills runs at random moments, fills their disk, and compares what they end with to an unbroken run.

    python benchmarks/kills.py [--kills 20] [--terms 5] [--interrupts 5] [--full-disks 5] [--pairs 1] [--seed 0] [COMMAND …]

For each command: an unbroken run; runs that get SIGKILL, SIGTERM or SIGINT after a random part of its time, and are resumed
(those without `--resume` are run again, over an earlier output, which must be there still); two runs for one output at once;
and runs on a small file system (tmpfs; it takes root to mount one, and is skipped without) that is full after a random part of
the output, resumed on it once there is room, or of the cache, which a run must do without. The output, and what the cache has
then, must have the bytes of the unbroken run, but for the times in its provenance, and nothing else may be left beside it.
Writes benchmarks/results/kills.json; the exit status is 1 where something is lost.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kills_parts.commands import COMMANDS
from kills_parts.inputs import make_inputs, run_server
from kills_parts.running import ROOT, Running, set_environment
from kills_parts.trial import Counts, Trial
from machine import describe

RESULTS = ROOT / "benchmarks" / "results" / "kills.json"
IMAGES = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="COMMAND", help=f"default all: {', '.join(COMMANDS)}")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--terms", type=int, default=5)
    parser.add_argument("--interrupts", type=int, default=5)
    parser.add_argument("--full-disks", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.names) - set(COMMANDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there is {', '.join(COMMANDS)}")
    counts = Counts(options.kills, options.terms, options.interrupts, options.full_disks, options.pairs)
    outcomes: dict[str, Any] = {}
    with TemporaryDirectory() as name, run_server() as url:
        folder = Path(name)
        set_environment(folder)
        make_inputs(folder, options.images)
        Running(["--help"], folder / "errors.txt").wait()  # starts the process that the others are forked from
        for number, command_name in enumerate(options.names or COMMANDS):
            trial = Trial(command_name, COMMANDS[command_name], folder, url, random.Random(options.seed + number))
            outcomes[command_name] = trial.run(counts)
            print(f"{command_name}: {outcomes[command_name]}", flush=True)
            _write_results(options.results, options.images, {command_name: outcomes[command_name]})
    return 1 if any(outcome["lost"] for outcome in outcomes.values()) else 0


def _write_results(path: Path, n_images: int, outcomes: dict[str, Any]) -> None:
    """Writes outcomes; those of other commands stay, so that commands can be tried one by one."""
    earlier = json.loads(path.read_text("utf-8"))["commands"] if path.exists() else {}
    merged = {**earlier, **outcomes}
    document = {"about": (__doc__ or "").strip(), "machine": describe(), "images": n_images}
    ordered = {name: merged[name] for name in COMMANDS if name in merged}
    path.write_text(json.dumps({**document, "commands": ordered}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
