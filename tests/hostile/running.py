"""Runs a case within this process, or in one of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from hostile.case import Case, Outcome

START: Final = 30.0
"""Seconds that starting the program and its libraries may take beside a case's own, on a busy machine."""
SLOWNESS: Final = 4
"""Seconds by the clock, per second that a case may take of a core: other processes run beside."""


class _OutOfTime(BaseException):
    """Raised in a case that does not end; no `except Exception` keeps it."""


def run_within(case: Case, folder: Path, cache: Path) -> Outcome:
    """Runs a case in this process, whose libraries are imported already. folder: an empty one. cache: of all cases."""
    from bioclip_x.cli.main import main

    arguments = case.make(folder)
    out, err = _Stream(), _Stream()
    status: Any = None
    hung = False
    with _working_in(folder), _environment(make_environment(case, folder, cache)), _limited(case.seconds):
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main(arguments)
        except SystemExit as end:
            status = end.code
        except _OutOfTime:
            hung = True
        except BaseException as problem:  # no exception may leave the program
            status = 3
            err.write(f"Traceback (most recent call last): {problem!r}")
    return Outcome(0 if status is None else status if isinstance(status, int) else 1, out.text, err.text, folder, hung)


def run_alone(case: Case, folder: Path, cache: Path) -> Outcome:
    """Runs a case in a process of its own, as a user does."""
    arguments = case.make(folder)
    environment = {**os.environ, **make_environment(case, folder, cache)}
    limit = START + SLOWNESS * case.seconds
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "bioclip_x", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=partial(_set_up, case) if case.alone else None,
        )
        until, peak_bytes = time.monotonic() + limit, 0
        while process.poll() is None and time.monotonic() < until:
            peak_bytes = max(peak_bytes, _read_peak(process.pid))
            time.sleep(0.02)
        hung = process.poll() is None
        if hung:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Outcome(process.returncode, *texts, folder, hung, peak_bytes)


def _read_peak(pid: int) -> int:
    """Returns the most memory that a process has had so far; 0 where it cannot be read.

    Not what `os.wait4` says: that counts the memory of the process that this one was forked from.
    """
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _set_up(case: Case) -> None:
    """Closes or replaces the standard streams of the process that is about to become a case's, and limits it."""
    import resource  # not on Windows

    for descriptor, kind in enumerate((case.stdin, case.stdout, case.stderr)):
        if kind == "closed":
            os.close(descriptor)
        elif kind == "full":
            os.dup2(os.open("/dev/full", os.O_RDWR), descriptor)
        elif kind == "gone":
            reader, writer = os.pipe()
            os.dup2(writer, descriptor)
            os.close(reader)
            os.close(writer)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, most in case.limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def make_environment(case: Case, folder: Path, cache: Path) -> dict[str, str]:
    """Returns the variables that are set for a case."""
    own = {
        "BIOCLIP_X_CACHE": str(cache),
        "BIOCLIP_X_DATA": str(folder / ".data"),
        "BIOCLIP_X_CONFIG": os.devnull,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENAI_API_KEY": "none",
        "COLUMNS": "100",
    }
    return own | {name: value.replace("{folder}", str(folder)) for name, value in case.environment.items()}


class _Stream(io.TextIOWrapper):
    """A text stream with bytes below it, as standard output has."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)

    @property
    def text(self) -> str:
        self.flush()
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode("utf-8", "replace")

    def close(self) -> None:
        """Keeps the text: a program may close its output."""


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends the block when it has taken so many seconds of a core, or many more by the clock: it may wait for nothing."""

    def stop(*_: object) -> None:
        raise _OutOfTime

    before = {number: signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, seconds, 1)
    signal.setitimer(signal.ITIMER_REAL, SLOWNESS * seconds, 1)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
