"""Kills runs at random moments, fills their disk, and compares what `--resume` ends with to an unbroken run.

    python benchmarks/kills.py [--kills 20] [--terms 5] [--full-disks 5] [--seed 0] [COMMAND …]

For each command: an unbroken run; runs that get SIGKILL, or SIGTERM, after a random part of its time, and are resumed; and
runs on a small file system (tmpfs; it takes root to mount one, and is skipped without) that is full after a random part of
the output, resumed on it once there is room. The output must have the bytes of the unbroken run, but for the times in its
provenance, and nothing else may be left beside it. Writes benchmarks/results/kills.json; the exit status is 1 where something
is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, set_forkserver_preload, set_start_method
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from machine import describe
from PIL import Image

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "kills.json"
SLOW_IMPORTS = [
    "bioclip_x.cli.embed", "bioclip_x.embed.resume", "bioclip_x.inference.classifier", "bioclip_x.describe.run",
    "bioclip_x_plugins.encoders.loaded", "openai", "pyarrow.parquet",
]  # fmt: skip
"""Imported once, since most runs are killed soon after."""
IMAGES, CLASSES = 100, 60
ENDED = (0, 1, 2)
"""Exit statuses of a run that was not interrupted."""
ATTEMPTS = 50
"""Most runs until one is interrupted before its end."""
DATE = re.compile(rb"date: '?[0-9T:+-]+'?")


@dataclass(frozen=True)
class Command:
    """A command under test. arguments: in which {folder} holds the inputs, {output} is the output and {url} a language model.

    resume: what makes it continue. kept: files that may stay beside a complete output. strip: removes times from bytes.
    """

    arguments: tuple[str, ...]
    suffix: str
    resume: tuple[str, ...] = ("--resume",)
    kept: tuple[str, ...] = ()
    strip: Callable[[bytes], bytes] = field(default=lambda raw: raw)


def _embed(suffix: str, *kept: str) -> Command:
    return Command(
        ("embed", "{folder}/images", "--batch-size", "4", "--output", "{output}", "--quiet"), suffix, kept=kept
    )


def _classify(suffix: str, *kept: str) -> Command:
    return Command(
        ("classify", "{folder}/images", "--batch-size", "4", "--report", "{output}", "--format", "csv", "--quiet"),
        suffix,
        kept=kept,
    )


COMMANDS = {
    "classify csv": _classify(".csv", ".provenance.json"),
    "classify jsonl": _classify(".jsonl"),
    "classify parquet": _classify(".parquet"),
    "classify html": _classify(".html"),
    "embed npz": _embed(".npz"),
    "embed csv": _embed(".csv", ".provenance.json"),
    "embed json": _embed(".json"),
    "embed parquet": _embed(".parquet"),
    "describe": Command(
        (
            "describe", "--labels", "{folder}/labels.txt", "--llm", "openai:model=m", "--base-url", "{url}",
            "--output", "{output}", "--concurrency", "2", "--quiet",
        ),
        ".yaml",
        kept=(".answers.jsonl",),
        strip=lambda raw: DATE.sub(b"", raw),
    ),
}  # fmt: skip
"""What is tested. A command that writes its results as they come, and has --resume, is added here."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="COMMAND", help=f"default all: {', '.join(COMMANDS)}")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--terms", type=int, default=5)
    parser.add_argument("--full-disks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.names) - set(COMMANDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there is {', '.join(COMMANDS)}")
    outcomes: dict[str, Any] = {}
    with TemporaryDirectory() as name, _run_server() as url:
        folder = Path(name)
        set_environment(folder)
        _make_inputs(folder, options.images)
        Running(["--help"], folder / "errors.txt").wait()  # starts the process that the others are forked from
        for number, command_name in enumerate(options.names or COMMANDS):
            trial = Trial(command_name, COMMANDS[command_name], folder, url, random.Random(options.seed + number))
            outcomes[command_name] = trial.run(options.kills, options.terms, options.full_disks)
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


class Running:
    """A run of the command line in a process of its own, forked from one that has imported the slow modules."""

    def __init__(self, arguments: list[str], errors: Path) -> None:
        self._errors = errors
        self._process = get_context("forkserver").Process(target=_run_command, args=(arguments, str(errors)))
        self._process.start()

    def send(self, signal_: signal.Signals) -> None:
        if self._process.pid and self._process.is_alive():
            os.kill(self._process.pid, signal_)

    def wait(self) -> tuple[int, str]:
        """Returns the exit status, negative for a signal, and what was written to stderr."""
        self._process.join()
        return self._process.exitcode or 0, self._errors.read_text("utf-8", "replace") if self._errors.exists() else ""


def _run_command(arguments: list[str], errors: str) -> None:
    for path, stream in ((os.devnull, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    import bioclip_x.cli.main

    set_start_method(None, force=True)  # its own processes are started as those of a program are

    bioclip_x.cli.main.main(arguments)


@dataclass
class Trial:
    """One command, tried in many ways."""

    name: str
    command: Command
    folder: Path
    url: str
    dice: random.Random
    interrupted: int = 0

    def run(self, kills: int, terms: int, full_disks: int) -> dict[str, Any]:
        """Returns how often each kind of interrupt was survived, and what was lost."""
        whole = self._make_output("whole")
        started = time.monotonic()
        self._complete(whole)
        self.seconds, self.wanted = time.monotonic() - started, self._read(whole)
        lost: list[str] = []
        counts: dict[str, Any] = {}
        for kind, times in (("SIGKILL", kills), ("SIGTERM", terms)):
            problems = [self._kill(getattr(signal, kind), f"{kind}-{number}") for number in range(times)]
            counts[kind] = times - sum(map(bool, problems))
            lost += filter(None, problems)
        counts |= {"interrupted before the end": self.interrupted, "full disk": 0}
        if full_disks and not _can_mount():
            counts["full disk skipped"] = "no file system can be mounted"
        else:
            problems = [
                self._fill_disk(f"full-{number}", number / max(1, full_disks - 1)) for number in range(full_disks)
            ]
            counts["full disk"] = full_disks - sum(map(bool, problems))
            lost += filter(None, problems)
        return {"seconds": round(self.seconds, 1), "survived": counts, "lost": lost}

    def _make_output(self, name: str) -> Path:
        """Returns an output in a folder of its own, so that leftovers can be seen."""
        output = self._make_path(name)
        output.parent.mkdir()
        return output

    def _start(self, output: Path, *more: str) -> Running:
        arguments = [part.format(folder=self.folder, output=output, url=self.url) for part in self.command.arguments]
        return Running([*arguments, *more], self.folder / "errors.txt")

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
            if running.wait()[0] not in ENDED:
                self.interrupted += 1
                break
            shutil.rmtree(output.parent)
        return self._resume(output, name)

    def _fill_disk(self, name: str, part: float) -> str:
        """Lets a disk run full after a part of what a run needs, makes room, and resumes."""
        output = self._make_output(name)
        need = max(1 << 16, sum(file.stat().st_size for file in self._make_path("whole").parent.iterdir()))
        with _mount(output.parent, 8 * need):
            filler = output.parent / "filler"
            filler.write_bytes(bytes(int(8 * need - (0.1 + 1.8 * part) * need) // 4096 * 4096))
            _, errors = self._start(output).wait()
            filler.unlink()
            if "Traceback" in errors:
                return f"{name}: a traceback: {errors[-300:]}"
            return self._resume(output, name)

    def _make_path(self, name: str) -> Path:
        return self.folder / f"{self.name}-{name}" / f"output{self.command.suffix}"

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
        return f"{name}: left behind: {', '.join(sorted(left))}" if left else ""

    def _read(self, output: Path) -> bytes:
        return self.command.strip(output.read_bytes())


def _make_inputs(folder: Path, n_images: int) -> None:
    (folder / "images").mkdir()
    numbers = np.random.default_rng(0)
    drawings = sorted((ROOT / "examples" / "drawings").glob("*.png"))
    for i in range(n_images):
        pixels = numbers.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        if i % 2:  # what the model names; it refuses the others
            pixels = np.asarray(Image.open(drawings[i % len(drawings)]).convert("RGB").rotate(i))
        Image.fromarray(pixels).save(folder / "images" / f"{i:05}.png")
    (folder / "labels.txt").write_text("\n".join(f"species number {i}" for i in range(CLASSES)), "utf-8")


def set_environment(folder: Path) -> None:
    """Sets the environment of all runs, before the process starts that they are forked from."""
    for name in [name for name in os.environ if name.startswith(("BIOCLIP_X_", "OPENAI_"))]:
        del os.environ[name]
    os.environ |= {"BIOCLIP_X_CACHE": str(folder / "cache"), "BIOCLIP_X_CONFIG": os.devnull, "OPENAI_API_KEY": "none",
                   "OMP_NUM_THREADS": "1"}  # fmt: skip
    set_forkserver_preload(SLOW_IMPORTS)


@contextmanager
def _run_server() -> Iterator[str]:
    """Runs the language model of the tests, which gives the same answer to the same question. Yields its URL."""
    sys.path.insert(0, str(ROOT / "tests"))
    from describing import named_in
    from llm_server import Reply, said, serving

    def answer(body: dict[str, Any]) -> Reply:
        name = named_in(body["messages"][0]["content"])
        reply = said(f"- looks like a {name}\n- has a short tail")
        return Reply(reply.body, wait=0.1)

    with serving(answer) as server:
        yield server.url


def _can_mount() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("mount"):
        return False
    with TemporaryDirectory() as name:
        try:
            with _mount(Path(name), 1 << 16):
                return True
        except subprocess.CalledProcessError:
            return False


@contextmanager
def _mount(folder: Path, n_bytes: int) -> Iterator[None]:
    """Mounts a file system of this size."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        yield
    finally:
        with suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", str(folder)], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
