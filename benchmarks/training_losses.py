"""Trains a small vision transformer from scratch on real photos under every loss, and judges each model.

    python benchmarks/training_losses.py --data ../shared/data [--seeds 3] [--at-a-time 2] [--rows clip unicl …]

The photos are those of two small public data sets, fruit and vegetables in shops and animals, read as one taxonomy; about a
quarter of the species is left out of training, for few-shot. Equal photos, order and steps for every loss; one thread per run.
About an hour on two cores. Each finished run is a line of WORK/runs.jsonl, and the same command goes on where it stopped. Writes
benchmarks/results/training_losses.json and the tables in docs/training-experiments.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from machine import describe
from training_table.page import tables
from training_table.photos import prepare
from training_table.rows import BATCH, EPOCHS, ROWS
from training_table.runs import Job, Table, run_all
from training_table.summary import COMPARED, compare, summarise

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "training_losses.json"
PAGE = ROOT / "docs" / "training-experiments.md"
BEGIN, END = "<!-- table: written by benchmarks/training_losses.py -->", "<!-- end of table -->"
FURTHER = 2
"""Further seeds of the rows that are compared, whose differences are smaller than the table's."""


def main() -> int:
    options = _parse()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the runs too
    options.work.mkdir(parents=True, exist_ok=True)
    counts = prepare(options.data, options.work / "photos")
    table = Table(options.data.resolve(), options.work.resolve(), options.epochs, counts)
    jobs = [] if options.report else list_jobs(options.rows, options.seeds)
    failed = run_all(table, jobs, options.at_a_time)
    write(table, options.at_a_time)
    for job in failed:
        print(f"not done: {job.name}", file=sys.stderr)
    return 1 if failed else 0


def list_jobs(rows: list[str], seeds: int) -> list[Job]:
    """Lists the runs, seed by seed, so that an interrupted table has whole seeds; the compared rows' further seeds last."""
    jobs = [Job(row, seed) for seed in range(seeds) for row in rows]
    compared = {row for pair in COMPARED for row in pair}
    return jobs + [Job(row, seeds + i) for i in range(FURTHER if seeds > 1 else 0) for row in rows if row in compared]


def write(table: Table, at_a_time: int) -> None:
    """Writes the results file and the page from the journal."""
    lines = table.read()
    if not lines:
        return
    results = make_results(table, at_a_time)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables(results)}\n{END}{rest.partition(END)[2]}", "utf-8")


def make_results(table: Table, at_a_time: int) -> dict[str, Any]:
    """Returns the content of the results file: every run, their means over seeds, and the comparisons."""
    lines = table.read()
    first = next(line for job, line in lines.items() if not ROWS[job.row].of)
    return {
        "about": (__doc__ or "").strip(),
        "command": "python benchmarks/training_losses.py --data ../shared/data",
        "machine": describe(),
        "photos": table.counts,
        "size": {
            "epochs": table.epochs, "steps": first["steps"], "batch": BATCH, "runs": len(lines), "at_a_time": at_a_time,
            "cpu_minutes": sum(line["cpu_seconds"] for line in lines.values()) / 60,
        },
        "table": summarise(lines),
        "comparisons": compare(lines),
        "runs": [lines[job] for job in sorted(lines, key=lambda job: (list(ROWS).index(job.row), job.seed))],
    }  # fmt: skip


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the two data sets"
    )
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "training-losses", help="folder of runs and photos"
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-a-time", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the runs from scratch")
    parser.add_argument("--report", action="store_true", help="write the results of the finished runs, run nothing")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
