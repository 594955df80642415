"""Standard input, output and error of the program where they are closed, full, or read by nobody any more.

What cannot be written to standard output is an error of the run, in one line; what cannot be written to standard error is
lost, and the run goes on. A closed one gets its descriptor back, so that no file that is opened later becomes the output.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO

from bioclip_x.errors import BioclipXError

NAMES: Final = ("standard input", "standard output", "standard error")


@contextmanager
def guard_streams(own: TextIO | None = None) -> Iterator[None]:
    """Replaces those standard streams of the process that are closed or may fail; not those that a caller has replaced.

    own: the program's stream to standard output, if it is not Python's.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    for descriptor, stream in enumerate(before):
        if stream is None:
            _occupy(descriptor)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Closed(0)), "utf-8")
    sys.stdout = _guard(sys.stdout, own or sys.__stdout__, 1)
    sys.stderr = _guard(sys.stderr, sys.__stderr__, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, BioclipXError, ValueError):  # the run has ended, and its error is told
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def _occupy(descriptor: int) -> None:
    """Opens nothing under a closed descriptor."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


def _guard(stream: TextIO | None, own: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        closed: Any = _Closed(descriptor)
        return io.TextIOWrapper(closed, "utf-8", "backslashreplace", write_through=True)
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with `python -u` there is no buffer
    if stream is not own or not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.RawIOBase):
        return stream
    stream.flush()
    guarded: Any = _Output(raw, descriptor)
    is_direct = raw is buffer or descriptor == 2
    return io.TextIOWrapper(
        guarded if is_direct else io.BufferedWriter(guarded),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=is_direct,
    )


class _Stream(io.RawIOBase):
    """A standard stream, which is never closed."""

    def __init__(self, descriptor: int) -> None:
        self.name, self._descriptor = NAMES[descriptor], descriptor

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Does nothing: the stream belongs to the process."""


class _Closed(_Stream):
    """A stream that was closed when the program began."""

    def readable(self) -> bool:
        return self._descriptor == 0

    def writable(self) -> bool:
        return self._descriptor != 0

    def readinto(self, buffer: Any) -> int:
        raise BioclipXError(f"{self.name} is closed; expected input there")

    def write(self, data: Any) -> int:
        if self._descriptor == 1 and data:
            self._descriptor = 2  # told once
            raise BioclipXError(f"{self.name} is closed; give --output FILE, or > /dev/null for no output")
        return len(data)


class _Output(_Stream):
    """Standard output or error. After the first failure, nothing is written any more."""

    def __init__(self, raw: io.RawIOBase, descriptor: int) -> None:
        super().__init__(descriptor)
        self._raw, self._has_failed = raw, False

    def fileno(self) -> int:
        return self._raw.fileno()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: Any) -> int:
        rest = memoryview(data)[: 0 if self._has_failed else None]
        try:
            while rest:
                rest = rest[self._raw.write(rest) or 0 :]
        except BlockingIOError:
            raise
        except OSError as problem:
            self._has_failed = True
            if self._descriptor == 2:
                return len(data)
            if isinstance(problem, BrokenPipeError):
                raise
            raise BioclipXError(f"{self.name} cannot be written: {problem.strerror or problem}") from problem
        return len(data)
