"""Keeps what components print out of the program's own output.

The command line's standard output is a document: a table, JSON, CSV. A component that prints, or a plugin that prints when
it is imported, must not corrupt it. While a component runs, `sys.stdout` is standard error for the thread, or task, that runs
it; reports and commands, whose task it is to write there, are excepted. Threads that components start count as theirs: they
reach standard output only while nothing but a report or a command runs.

    with divert_prints():  # the command line, once
        with diverted():  # around each call of a component
            head.decide(head_input)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO, cast

_is_diverted: Final[ContextVar[bool | None]] = ContextVar("is_diverted", default=None)
"""None in threads that the program has not told anything, such as those of components: new threads inherit no context."""
_running: Final[dict[bool, set[object]]] = {True: set(), False: set()}
"""The blocks of `diverted` that run in all threads, by whether they are diverted. No lock: a fork would copy it held."""


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
    try:
        yield
    finally:
        _running[to_stderr].discard(block)
        _is_diverted.reset(token)
