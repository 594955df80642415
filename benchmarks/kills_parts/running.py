"""Runs of the command line in processes of their own, and small file systems that they fill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context, set_forkserver_preload, set_start_method
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
SLOW_IMPORTS = [
    "bioclip_x.cli.main", "bioclip_x.cli.embed", "bioclip_x.embed.resume", "bioclip_x.inference.classifier",
    "bioclip_x.describe.run", "bioclip_x_plugins.encoders.loaded", "openai", "pyarrow.parquet",
    "bioclip_x.cli.evaluation.evaluate",
]  # fmt: skip
"""Imported once, since most runs are killed soon after."""
ENDED = (0, 1, 2)
"""Exit statuses of a run that was not interrupted."""
ATTEMPTS = 50
"""Most runs until one is interrupted before its end."""


class Running:
    """A run of the command line in a process of its own, forked from one that has imported the slow modules."""

    def __init__(self, arguments: list[str], errors: Path, environment: Mapping[str, str] | None = None) -> None:
        self._errors = errors
        task = (arguments, str(errors), dict(environment or {}))
        self._process = get_context("forkserver").Process(target=_run_command, args=task)
        self._process.start()

    def send(self, signal_: signal.Signals) -> None:
        if self._process.pid and self._process.is_alive():
            os.kill(self._process.pid, signal_)

    def wait(self) -> tuple[int, str]:
        """Returns the exit status, negative for a signal, and what was written to stderr."""
        self._process.join()
        return self._process.exitcode or 0, self._errors.read_text("utf-8", "replace") if self._errors.exists() else ""


def _run_command(arguments: list[str], errors: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what the shell runs in the background ignores it
    for path, stream in ((os.devnull, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    import bioclip_x.cli.main

    set_start_method(None, force=True)  # its own processes are started as those of a program are

    bioclip_x.cli.main.main(arguments)


def set_environment(folder: Path) -> None:
    """Sets the environment of all runs, before the process starts that they are forked from."""
    for name in [name for name in os.environ if name.startswith(("BIOCLIP_X_", "OPENAI_"))]:
        del os.environ[name]
    os.environ |= {"BIOCLIP_X_CACHE": str(folder / "cache"), "BIOCLIP_X_DATA": str(folder / "data"),
                   "BIOCLIP_X_CONFIG": os.devnull, "OPENAI_API_KEY": "none",
                   "OMP_NUM_THREADS": "1"}  # fmt: skip
    set_forkserver_preload(SLOW_IMPORTS)


def can_mount() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("mount"):
        return False
    with TemporaryDirectory() as name:
        try:
            with mount(Path(name), 1 << 16):
                return True
        except subprocess.CalledProcessError:
            return False


@contextmanager
def mount(folder: Path, n_bytes: int) -> Iterator[None]:
    """Mounts a file system of this size."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        yield
    finally:
        with suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", str(folder)], check=True, capture_output=True)


@contextmanager
def fill(folder: Path, needed: int, part: float) -> Iterator[Callable[[], None]]:
    """Mounts a file system on a folder, on which a part of the needed bytes is free. Yields a function that makes room."""
    needed = max(1 << 16, needed)
    with mount(folder, 8 * needed):
        filler = folder / "filler"
        filler.write_bytes(bytes(int(8 * needed - (0.1 + 1.8 * part) * needed) // 4096 * 4096))
        yield filler.unlink
