"""Calls a method of a component that asks a server, several times at once, whether the method is async or not."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Event, Thread
from typing import Final, Generic, Protocol, TypeVar, cast

import anyio
from anyio import to_thread

from bioclip_x.errors import NoAnswerError
from bioclip_x.faults import naming

FAILURES_IN_A_ROW: Final = 5
"""After this many calls in a row without an answer, the server is taken to be down."""

POLL_SECONDS: Final = 0.2
"""How often the caller's thread checks for Ctrl-C, where a wait cannot be interrupted."""

Item = TypeVar("Item")
Given = TypeVar("Given")


class Closable(Protocol):
    def close(self) -> Awaitable[None] | None: ...


@dataclass
class Failures:
    """NoAnswerErrors so far. most: in a row; the last of these is raised."""

    most: int = FAILURES_IN_A_ROW
    last: NoAnswerError | None = None
    in_a_row: int = 0

    def add(self, failure: NoAnswerError) -> None:
        self.last = failure
        self.in_a_row += 1
        if self.in_a_row >= self.most:
            raise failure


@dataclass
class Calls(Generic[Item, Given]):
    """The calls of one method, one for each item, in order. `run` makes them.

    component: whose `method` is called; it is closed at the end. call: item → what the method returns, or an awaitable of it.
    take: called with each item and what was returned for it, always in the thread of the event loop, not the caller's; returns
        True to have the item called again.
    items: where they are no sequence, they are taken one at a time as they are needed, in other threads.
    at: item → the image or class, for errors. fail: called with each item that got no answer, like `take`.
    """

    component: Closable
    method: str
    items: Iterable[Item]
    call: Callable[[Item], Awaitable[Given] | Given]
    take: Callable[[Item, Given], bool]
    at: Callable[[Item], str] = lambda item: ""
    fail: Callable[[Item, NoAnswerError], None] = lambda item, failure: None
    concurrency: int = 1
    failures: Failures = field(default_factory=Failures)

    def __post_init__(self) -> None:
        # stop: set by the caller to end the run early. ended: set when the event loop has ended and the component is closed.
        # error: the first exception that ended the run. It is raised only outside of the event loop: the task group would wrap
        # it in an ExceptionGroup, and KeyboardInterrupt or SystemExit would stop the loop.
        self.stop, self.ended = Event(), Event()
        self.error: BaseException | None = None
        self._pending: Iterator[Item] = iter(self.items)
        self._is_async = inspect.iscoroutinefunction(getattr(self.component, self.method))

    def run(self) -> NoAnswerError | None:
        """Makes all calls, at most `concurrency` at a time, and closes the component.

        Returns the last failure where some items got no answer, else None. Raises what `take`, `fail` and the items raise, and
        what the component raises except NoAnswerError; `failures.most` of those in a row end the run too. Ctrl-C ends it at
        once, without waiting for calls in flight. May be called while an event loop is running, as in a notebook.
        """
        # A separate thread, because an event loop may be running in this one. It is a daemon, and anyio's worker threads
        # inherit that, so that Python does not wait for pending calls at exit. `anyio.from_thread.start_blocking_portal` is
        # unsuitable: interrupted by Ctrl-C during its start (0.2 s), it waits for its thread forever.
        thread = Thread(target=self._run_loop, name="bioclip-x requests", daemon=True)
        try:
            thread.start()
            while not self.ended.wait(POLL_SECONDS):  # on Windows, Ctrl-C does not interrupt a wait without a timeout
                pass
        finally:
            self.stop.set()
            if thread.ident is not None:  # the thread was started
                self.ended.wait()
        if self.error is not None:
            raise self.error
        return self.failures.last

    def _run_loop(self) -> None:
        """Runs the event loop until all calls are done or `stop` is set."""
        try:
            anyio.run(self._call_all)
        except BaseException as error:
            self._end(error)
        finally:
            self.ended.set()

    async def _call_all(self) -> None:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._wait_for_stop, group.cancel_scope)
                limiter, lock = anyio.CapacityLimiter(max(self.concurrency, 1)), anyio.Lock()
                async with anyio.create_task_group() as workers:
                    for _ in range(self.concurrency):
                        workers.start_soon(self._work, group.cancel_scope, limiter, lock)
                group.cancel_scope.cancel()  # ends _wait_for_stop
        finally:
            with anyio.CancelScope(shield=True):
                await self._close()

    async def _wait_for_stop(self, scope: anyio.CancelScope) -> None:
        await to_thread.run_sync(self.stop.wait, abandon_on_cancel=True)
        scope.cancel()

    async def _work(self, scope: anyio.CancelScope, limiter: anyio.CapacityLimiter, lock: anyio.Lock) -> None:
        """Makes remaining calls, which all workers share."""
        try:
            while waiting := await self._take_next(lock):
                await self._call(waiting[0], limiter)
        except anyio.get_cancelled_exc_class() as error:
            self._end(error)  # the first error only where the component itself raised the cancellation
            raise
        except BaseException as error:
            self._end(error)
            scope.cancel()

    async def _take_next(self, lock: anyio.Lock) -> list[Item]:
        """Returns the next item, or nothing after the last."""
        if isinstance(self.items, Sequence):
            return list(islice(self._pending, 1))
        async with lock:  # a generator cannot be advanced by two threads; it is never abandoned in the middle of a step
            return await to_thread.run_sync(lambda: list(islice(self._pending, 1)))

    async def _call(self, item: Item, limiter: anyio.CapacityLimiter) -> None:
        try:
            while self.take(item, await self._answer(item, limiter)):
                self.failures.in_a_row = 0
        except NoAnswerError as failure:
            self.fail(item, failure)
            self.failures.add(failure)
        else:
            self.failures.in_a_row = 0

    async def _answer(self, item: Item, limiter: anyio.CapacityLimiter) -> Given:
        with naming(self.component, self.method, self.at(item)):
            if self._is_async:
                answer = self.call(item)
            else:
                answer = await to_thread.run_sync(self._call_in_thread, item, abandon_on_cancel=True, limiter=limiter)
            return cast("Given", await answer if inspect.isawaitable(answer) else answer)

    def _call_in_thread(self, item: Item) -> Awaitable[Given] | Given:
        with naming(
            self.component, self.method, self.at(item)
        ):  # here, since an event loop does not pass on all exceptions
            return self.call(item)

    async def _close(self) -> None:
        try:
            with naming(self.component, "close"):
                closed = self.component.close()
                if inspect.isawaitable(closed):
                    await closed
        except Exception as error:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
