"""Tells the streams of events, in the event loop, what other threads have changed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class Notices:
    """A flag that many streams wait for. `announce` may be called in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self.closed = False

    def announce(self) -> None:
        with self._lock:
            waiting = tuple(self._waiting)
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Ends all streams."""
        self.closed = True
        self.announce()

    @contextmanager
    def subscribe(self) -> Iterator[Callable[[float], Awaitable[bool]]]:
        """Provides a function that waits, at most so many seconds, for the next announcement: whether one came.

        Nothing that is announced between two waits is missed. To be called in the event loop.
        """
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiting.add(entry)

        async def wait(seconds: float) -> bool:
            try:
                await asyncio.wait_for(event.wait(), seconds)
            except (asyncio.TimeoutError, TimeoutError):
                return False
            event.clear()
            return True

        try:
            yield wait
        finally:
            with self._lock:
                self._waiting.discard(entry)
