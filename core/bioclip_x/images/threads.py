"""Threads that decode images, and that end with the run: an image that cannot be had for minutes holds up no Ctrl-C."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

GRACE: Final = 1.0
"""Seconds that images being decoded get when a run ends early."""

_Task = tuple["Future[Any]", Callable[[], Any]]


class DecodeThreads:
    """As `concurrent.futures.ThreadPoolExecutor`, except that the end of a run that was interrupted waits `GRACE` at most.

    That class waits for its threads when its block ends, and again when Python does. number: None for one per core, at most 8.
    """

    def __init__(self, number: int | None = None) -> None:
        self._number = number or min(8, os.cpu_count() or 1)
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> DecodeThreads:
        return self

    def submit(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> Future[T]:
        """Calls a function in one of the threads."""
        future: Future[T] = Future()
        self._tasks.put((future, lambda: function(*arguments, **options)))
        if len(self._threads) < self._number:
            self._threads.append(threading.Thread(target=self._work, name="decode", daemon=True))
            self._threads[-1].start()
        return future

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits for the threads; after an exception not for long, and for no task that has not begun."""
        if kind is not None:
            self._drop_waiting()
        for _thread in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(None if kind is None else max(0.0, until - time.monotonic()))

    def _drop_waiting(self) -> None:
        while not self._tasks.empty():
            if (task := self._tasks.get()) is not None:
                task[0].cancel()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as problem:  # the thread that asks for the result is told
                future.set_exception(problem)
