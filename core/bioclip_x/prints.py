"""Keeps what components print out of the program's own output.

The command line's standard output is a document: a table, JSON, CSV. A component that prints, or a plugin that prints when
it is imported, must not corrupt it. While a component runs, `sys.stdout` is standard error for the thread, or task, that runs
it; reports and commands, whose task it is to write there, are excepted. Threads that components start count as theirs: they
reach standard output only while nothing but a report or a command runs.

What does not go through `sys.stdout` goes to file descriptor 1: `os.write`, `sys.__stdout__`, a library in C, a process that a
component starts. The program writes to another descriptor of the same file, and 1 is standard error but while reports and
commands run.

    with divert_prints():  # the command line, once
        with diverted():  # around each call of a component
            head.decide(head_input)
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, TextIO, cast

_is_diverted: Final[ContextVar[bool | None]] = ContextVar("is_diverted", default=None)
"""None in threads that the program has not told anything, such as those of components: new threads inherit no context."""
_running: Final[dict[bool, set[object]]] = {True: set(), False: set()}
"""The blocks of `diverted` that run in all threads, by whether they are diverted. No lock: a fork would copy it held."""


_descriptors: Final[list[int]] = []
"""Of standard output and standard error, while descriptor 1 is diverted; else empty."""


def _point(is_diverted: bool) -> None:
    """Makes descriptor 1 that of standard error, or of standard output."""
    with suppress(OSError, ValueError):  # closed meanwhile
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
        os.dup2(_descriptors[is_diverted], 1)


@contextmanager
def divert_descriptor() -> Iterator[TextIO | None]:
    """Makes descriptor 1 standard error in the block, and `sys.stdout` a stream that writes to a copy of it, which it yields.

    Does nothing where `sys.stdout` is another stream than the process's. For the process that the program has for itself.
    """
    stdout: Any = sys.stdout
    try:
        is_own = stdout.fileno() == 1 and isinstance(stdout, io.TextIOWrapper) and not _descriptors
        stdout.flush()
        copies = [os.dup(1), os.dup(2)] if is_own else []
    except (AttributeError, OSError, ValueError):  # no stream, or one without a descriptor, or closed
        copies = []
    if not copies:
        yield None
        return
    own = io.TextIOWrapper(
        os.fdopen(copies[0], "wb", closefd=False),
        stdout.encoding, stdout.errors, line_buffering=stdout.line_buffering, write_through=stdout.write_through,
    )  # fmt: skip
    _descriptors[:] = copies
    _point(True)
    sys.stdout = own
    try:
        yield own
    finally:
        sys.stdout = stdout
        with suppress(OSError, ValueError):
            own.flush()
        own.close()
        _point(False)
        _descriptors.clear()
        for copy in copies:
            os.close(copy)


def _is_stderr() -> bool:
    """Whether what this thread prints goes to standard error."""
    here = _is_diverted.get()
    return bool(_running[True]) or not _running[False] if here is None else here


class _Output:
    """Standard output; standard error where a component runs."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _is_stderr() else self._stdout, name)


@contextmanager
def divert_prints() -> Iterator[None]:
    """Replaces `sys.stdout` in the block by one that `diverted` can divert, for all threads; this one may write."""
    stdout, token = sys.stdout, _is_diverted.set(False)
    sys.stdout = cast(TextIO, _Output(stdout))
    try:
        yield
    finally:
        sys.stdout = stdout
        _is_diverted.reset(token)


@contextmanager
def diverted(to_stderr: bool = True) -> Iterator[None]:
    """Sends what this thread or task prints in the block to standard error; to standard output, if not `to_stderr`."""
    token, block = _is_diverted.set(to_stderr), object()
    _running[to_stderr].add(block)
    if _descriptors and not to_stderr:
        _point(False)
    try:
        yield
    finally:
        _running[to_stderr].discard(block)
        _is_diverted.reset(token)
        if _descriptors and not to_stderr and not _running[False]:
            _point(True)
