"""Keeps what components print out of the program's own output.

The command line's standard output is a document: a table, JSON, CSV. A component that prints, or a plugin that prints when
it is imported, must not corrupt it. While a component runs, `sys.stdout` is standard error for the thread, or task, that runs
it; reports and commands, whose task it is to write there, are excepted.

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

_is_diverted: Final = ContextVar("is_diverted", default=False)


class _Output:
    """Standard output; standard error where a component runs."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _is_diverted.get() else self._stdout, name)


@contextmanager
def divert_prints() -> Iterator[None]:
    """Replaces `sys.stdout` in the block by one that `diverted` can divert, for all threads."""
    stdout = sys.stdout
    sys.stdout = cast(TextIO, _Output(stdout))
    try:
        yield
    finally:
        sys.stdout = stdout


@contextmanager
def diverted(to_stderr: bool = True) -> Iterator[None]:
    """Sends what this thread or task prints in the block to standard error; to standard output, if not `to_stderr`."""
    token = _is_diverted.set(to_stderr)
    try:
        yield
    finally:
        _is_diverted.reset(token)
