"""Tries the corpus of broken and hostile inputs, and counts what is wrong by area.

    python tests/hostile/run.py [AREA[/CASE] …] [--processes] [--jobs N] [--results FILE]

--processes: each case in a process of its own, as a user's run is. The exit status is 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "benchmarks")]

from machine import describe

from hostile.case import FAULTS, Case, judge
from hostile.corpus import load_corpus
from hostile.running import run_alone, run_within


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="AREA[/CASE]", help="default all")
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--results", type=Path, help="a JSON file to write")
    parser.add_argument("--verbose", action="store_true", help="print each case with its time")
    options = parser.parse_args()
    chosen = [
        (area, case)
        for area, cases in load_corpus().items()
        for case in cases
        if not options.names or {area, f"{area}/{case.name}"} & set(options.names)
    ]
    started = time.monotonic()
    with TemporaryDirectory() as name, ThreadPoolExecutor(options.jobs) as pool:
        cache = Path(name, "cache")

        def run(number: int) -> dict[str, str]:
            area, case = chosen[number]
            begun = time.monotonic()
            faults = _run(case, Path(name, str(number)), cache, alone=options.processes or case.alone)
            if options.verbose or faults:
                print(f"{area}/{case.name}: {time.monotonic() - begun:.2f} s {faults or ''}", flush=True)
            return faults

        each = range(len(chosen))
        found = list(pool.map(run, each) if options.processes else map(run, each))  # signals reach the main thread only
    table = {area: {"cases": 0, **dict.fromkeys(FAULTS, 0)} for area, _ in chosen}
    for (area, _), faults in zip(chosen, found):
        table[area]["cases"] += 1
        for fault in faults:
            table[area][fault] += 1
    total = Counter[str]()
    for row in table.values():
        total.update(row)
    for area, row in [*table.items(), ("all", total)]:
        print(f"{area:24}", *(f"{key}: {row[key]}" for key in ("cases", *FAULTS) if row[key]))
    if options.results:
        seconds = round(time.monotonic() - started)
        document = {"machine": describe(), "processes": options.processes, "seconds": seconds, "areas": table}
        options.results.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 1 if any(found) else 0


def _run(case: Case, folder: Path, cache: Path, *, alone: bool) -> dict[str, str]:
    folder.mkdir()
    return judge(case, (run_alone if alone else run_within)(case, folder, cache))


if __name__ == "__main__":
    sys.exit(main())
