"""One command, interrupted in many ways."""

from __future__ import annotations

import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kills_parts.commands import Command
from kills_parts.running import ATTEMPTS, ENDED, Running, can_mount, fill

FULL = re.compile(r"No space left on device|the disk is full")
OLD = b"an earlier output\n"


@dataclass(frozen=True)
class Counts:
    """How often each kind of trouble is tried. full_disks: of the output, and of the cache."""

    kills: int
    terms: int
    interrupts: int
    full_disks: int
    pairs: int


@dataclass
class Trial:
    """One command, tried in many ways."""

    name: str
    command: Command
    folder: Path
    url: str
    dice: random.Random
    interrupted: int = 0

    def run(self, counts: Counts) -> dict[str, Any]:
        """Returns how often each kind of trouble was survived, and what was lost."""
        if not self.command.fills_cache:  # what all runs share is cached before the time is taken
            self._complete(self._make_output("first"))
        whole = self._make_output("whole")
        started = time.monotonic()
        self._complete(whole)
        self.seconds, self.wanted = time.monotonic() - started, self._read(whole)
        self.wanted_cache = self._read_cache(whole)
        lost: list[str] = []
        survived: dict[str, Any] = {}

        def try_all(kind: str, times: int, attempt: Callable[[int], str]) -> None:
            problems = [attempt(number) for number in range(times)]
            survived[kind] = times - sum(map(bool, problems))
            lost.extend(filter(None, problems))

        for kind, times in (("SIGKILL", counts.kills), ("SIGTERM", counts.terms), ("SIGINT", counts.interrupts)):
            sent = getattr(signal, kind)
            try_all(kind, times, lambda number, sent=sent: self._kill(sent, f"{sent.name}-{number}"))
        survived["interrupted before the end"] = self.interrupted
        try_all("two at once", counts.pairs, lambda number: self._run_two(f"two-{number}"))
        if counts.full_disks and not can_mount():
            survived |= {"full disk": 0, "full disk skipped": "no file system can be mounted"}
        else:
            last = max(1, counts.full_disks - 1)
            try_all("full disk", counts.full_disks, lambda n: self._fill_disk(f"full-{n}", n / last))
            if self.command.fills_cache:
                try_all("full cache", counts.full_disks, lambda n: self._fill_cache(f"full-cache-{n}", n / last))
        return {"seconds": round(self.seconds, 1), "survived": survived, "lost": lost}

    def _make_output(self, name: str) -> Path:
        """Returns an output in a folder of its own, so that leftovers can be seen."""
        output = self._make_path(name)
        output.parent.mkdir()
        if self.command.replaces:
            output.write_bytes(OLD)
        return output

    def _make_path(self, name: str) -> Path:
        return self.folder / f"{self.name}-{name}" / f"output{self.command.suffix}"

    def _locate_cache(self, output: Path) -> Path:
        return output.parent.with_name(f"{output.parent.name}-cache")

    def _start(self, output: Path, *more: str, errors: str = "errors.txt") -> Running:
        arguments = [part.format(folder=self.folder, output=output, url=self.url) for part in self.command.arguments]
        environment = {"BIOCLIP_X_CACHE": str(self._locate_cache(output))} if self.command.fills_cache else {}
        return Running([*arguments, *more], self.folder / errors, environment)

    def _complete(self, output: Path, *more: str) -> None:
        running = self._start(output, *more)
        status, errors = running.wait()
        if status:
            raise RuntimeError(f"status {status}: {errors[-500:]}")

    def _kill(self, with_signal: signal.Signals, name: str) -> str:
        """Interrupts a run at a random moment, and resumes it. Returns what is wrong then; "" if nothing is.

        A run that has ended before is repeated: the machine is faster now than it was for the unbroken run.
        """
        for _ in range(ATTEMPTS):
            output = self._make_output(name)
            running = self._start(output)
            time.sleep(self.dice.uniform(0, self.seconds))
            running.send(with_signal)
            status, errors = running.wait()
            if status not in ENDED:
                self.interrupted += 1
                break
            self._remove(output)
        if "Traceback" in errors and "main.py" in errors:
            return f"{name}: a traceback: {errors[-300:]}"
        return self._check_kept(output, name) or self._resume(output, name)

    def _check_kept(self, output: Path, name: str) -> str:
        """A command that cannot resume leaves the old output, or the new one."""
        if not self.command.replaces or output.read_bytes() == OLD or self._read(output) == self.wanted:
            return ""
        return f"{name}: neither the old output nor the new one"

    def _remove(self, output: Path) -> None:
        shutil.rmtree(output.parent)
        shutil.rmtree(self._locate_cache(output), ignore_errors=True)

    def _run_two(self, name: str) -> str:
        """Two runs for one output, and one cache, at once: each succeeds or is refused in a line, and the result is right."""
        output = self._make_output(name)
        runs = [self._start(output, errors=f"errors-{number}.txt") for number in range(2)]
        ends = [run.wait() for run in runs]
        for status, errors in ends:
            if status not in (0, 2) or (status == 2 and errors.count("error: ") != 1) or "Traceback" in errors:
                return f"{name}: status {status}: {errors[-300:]}"
        if all(status == 2 for status, _ in ends):
            return f"{name}: both were refused: {ends[0][1][-300:]}"
        return self._resume(output, name)

    def _fill_disk(self, name: str, part: float) -> str:
        """Lets a disk run full after a part of what a run needs, makes room, and resumes."""
        output = self._make_output(name)
        needed = sum(file.stat().st_size for file in self._make_path("whole").parent.rglob("*"))
        with fill(output.parent, needed, part) as free:
            if self.command.replaces:
                output.write_bytes(OLD)
            status, errors = self._start(output).wait()
            free()
            problem = _check_full(status, errors, name) or self._check_kept(output, name)
            return problem or self._resume(output, name)

    def _fill_cache(self, name: str, part: float) -> str:
        """Lets the disk of the cache run full: the run must end well without it."""
        output = self._make_output(name)
        cache = self._locate_cache(output)
        cache.mkdir()
        needed = sum(file.stat().st_size for file in self._locate_cache(self._make_path("whole")).rglob("*"))
        with fill(cache, needed, part) as free:
            status, errors = self._start(output).wait()
            if status or "Traceback" in errors:
                return f"{name}: status {status}: {errors[-300:]}"
            if self._read(output) != self.wanted:
                return f"{name}: other bytes than an unbroken run"
            free()
            return self._resume(output, name)

    def _resume(self, output: Path, name: str) -> str:
        try:
            self._complete(output, *self.command.resume)
            if self._read(output) != self.wanted:
                return f"{name}: other bytes than an unbroken run"
            self._complete(output, *self.command.resume)  # it is complete
            if self._read(output) != self.wanted:
                return f"{name}: a complete output was changed"
        except (RuntimeError, OSError) as problem:
            return f"{name}: {problem}"
        allowed = {output.name, *(output.name + suffix for suffix in self.command.kept)}
        left = {file.name for file in output.parent.iterdir()} - allowed
        left |= {file.name for file in output.rglob("*.tmp")} if output.is_dir() else set()
        if left:
            return f"{name}: left behind: {', '.join(sorted(left))}"
        cached = self._read_cache(output)
        if missing := {file for file, raw in self.wanted_cache.items() if cached.get(file) != raw}:
            # An unbroken run that found its output complete need not fill the cache again.
            self._remove_output(output)
            self._complete(output)
            cached = self._read_cache(output)
            missing = {file for file, raw in self.wanted_cache.items() if cached.get(file) != raw}
        if missing:
            return f"{name}: the cache lacks, or has other bytes in: {', '.join(sorted(missing))}"
        more = cached.keys() - self.wanted_cache.keys()
        return f"{name}: left behind in the cache: {', '.join(sorted(more))}" if more else ""

    def _remove_output(self, output: Path) -> None:
        for file in output.parent.iterdir():
            file.unlink()

    def _read(self, output: Path) -> bytes:
        return self.command.strip(self.command.read(output))

    def _read_cache(self, output: Path) -> Mapping[str, bytes]:
        cache = self._locate_cache(output)
        files = [file for file in cache.rglob("*") if file.is_file()] if self.command.fills_cache else []
        return {str(file.relative_to(cache)): file.read_bytes() for file in files}


def _check_full(status: int, errors: str, name: str) -> str:
    """A full disk is told in one line that says so."""
    if "Traceback" in errors or "SafetensorError" in errors:
        return f"{name}: a traceback: {errors[-300:]}"
    if status not in (0, 2) or (status == 2 and not FULL.search(errors)):
        return f"{name}: status {status}: {errors[-300:]}"
    return ""
