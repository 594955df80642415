"""Runs the same commands with two commits of this repository and shows that their outputs are equal to the last bit.

    python benchmarks/golden/run.py BASE [HEAD] [--only PATTERN] [--keep FOLDER]

HEAD is the working tree, as it is, unless it is given. Each of the two is installed into a folder of its own, without
dependencies: the Python that runs this script must have those of both. Commands ask nothing of any network but of a language
model's server that runs here. Some seven minutes on a core that has nothing else to do.

A line for each command says `equal`, `DIFFERS` (and where), or `failed` (it did not end as it should, with either commit); exit
status 1 where any is not equal. What may differ is named in `compare.py`, which takes it out before.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cases import Case, all_cases
from compare import Masking, differences, left_behind
from inputs import write_inputs
from server import serving

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("driver.py")
LONGEST = 3600
"""Seconds that one commit may take for all commands."""
Numbered = dict[str, Case]


@dataclass(frozen=True)
class Side:
    """One of the two commits, laid out in a folder. commit: None for the working tree."""

    folder: Path
    commit: str | None

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def prepare(self) -> None:
        """Installs the program, and writes what the commands read."""
        source = ROOT if self.commit is None else self._extracted()
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*install, "--target", str(self.site), str(source)], check=True)
        shutil.copytree(source / "examples" / "drawings", self.work / "drawings")
        write_inputs(self.work, sorted(path.name for path in (self.work / "drawings").iterdir()))
        self.results.mkdir()

    def _extracted(self) -> Path:
        source, archive = self.folder / "source", self.folder / "source.tar"
        subprocess.run(["git", "-C", str(ROOT), "archive", "--output", str(archive), str(self.commit)], check=True)
        with tarfile.open(archive) as tar:
            tar.extractall(source, filter="data")
        archive.unlink()
        return source

    def run(self, cases: Numbered, url: str) -> None:
        """All commands in one process. One that ends it leaves those after it without a result."""
        plan = self.folder / "plan.json"
        commands = [[number, [step.replace("URL", url) for step in case.commands]] for number, case in cases.items()]
        plan.write_text(json.dumps(commands), "utf-8")
        driver = [sys.executable, str(DRIVER), str(self.site), str(plan), str(self.results)]
        status = subprocess.run(
            driver, cwd=self.work, env=self._environment(), stdin=subprocess.DEVNULL, timeout=LONGEST
        ).returncode
        if status:
            print(f"{self.folder.name}: the process of the commands ended with status {status}", file=sys.stderr)

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BIOCLIP_X_", "OPENAI_", "PYTHON")) and not name.lower().endswith("_proxy")
        }
        return kept | {
            "PYTHONPATH": str(self.site), "BIOCLIP_X_CACHE": str(self.folder / "cache"), "BIOCLIP_X_CONFIG": os.devnull,
            "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENAI_API_KEY": "none",
            "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PYTHONUTF8": "1",
        }  # fmt: skip

    def result(self, number: str) -> list[dict[str, Any]]:
        path = self.results / f"{number}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else []

    def left_behind(self, number: str) -> dict[str, list[str]]:
        return left_behind(self.result(number), self.work / "out" / number, Masking(self.folder))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE", help="a commit")
    parser.add_argument("head", metavar="HEAD", nargs="?", help="another; by default the working tree as it is")
    parser.add_argument("--only", metavar="PATTERN", help="only commands that contain this; * and ? stand for anything")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="a new folder for both sides and all that they wrote"
    )
    options = parser.parse_args()
    cases = {f"{number:03}": case for number, case in enumerate(all_cases()) if _is_asked_for(case, options.only)}
    if not cases:
        parser.error(f"no command contains {options.only!r}")
    commits = [_commit(options.base), _commit(options.head) if options.head else None]
    with TemporaryDirectory() as temporary:
        folder = options.keep.resolve() if options.keep else Path(temporary)
        base, head = (Side(folder / name, commit) for name, commit in zip(("base", "head"), commits))
        _run(base, head, cases)
        return _compare(base, head, cases)


def _is_asked_for(case: Case, pattern: str | None) -> bool:
    return pattern is None or fnmatch(case.name, f"*{pattern}*")


def _commit(name: str) -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _run(base: Side, head: Side, cases: Numbered) -> None:
    with serving() as url:
        for side in (base, head):
            side.folder.mkdir(parents=True)
            began = time.monotonic()
            side.prepare()
            installed = time.monotonic()
            side.run(cases, url)
            took = f"installed in {installed - began:.0f} s, run in {time.monotonic() - installed:.0f} s"
            print(f"{side.folder.name}: {side.commit or f'the working tree {ROOT}'}, {took}", flush=True)


def _compare(base: Side, head: Side, cases: Numbered) -> int:
    counts: Counter[str] = Counter()
    for number, case in cases.items():
        failures = [*_failures(base, number, case), *_failures(head, number, case)]
        found = differences(base.left_behind(number), head.left_behind(number))
        outcome = "failed" if failures else "DIFFERS" if found else "equal"
        counts[outcome] += 1
        print(f"{outcome:8}{number} {case.name}")
        for line in (*failures, *found):
            print(f"           {line[:300]}")
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("equal", "DIFFERS", "failed")))
    return 0 if counts["equal"] == len(cases) else 1


def _failures(side: Side, number: str, case: Case) -> list[str]:
    """What did not end as it should."""
    expected = [0] * (len(case.commands) - 1) + [case.status]
    result: Sequence[dict[str, Any]] = side.result(number) or [{"status": "never run", "stderr": ""}]
    told = []
    for step, status in zip(result, expected):
        if step["status"] != status:
            told += [
                f"{side.folder.name}: status {step['status']}, expected {status}",
                *step["stderr"].splitlines()[-3:],
            ]
    return told


if __name__ == "__main__":
    sys.exit(main())
