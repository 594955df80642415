"""Sends many requests to one language model, several at a time, whether its methods are async or not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from typing import Any, Final, Generic, TypeVar

import anyio
from anyio import to_thread

from bioclip_x.errors import NoAnswerError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import LanguageModelCapabilities, get_capabilities
from bioclip_x.hooks.components import LanguageModel
from bioclip_x.hooks.returned import check_type
from bioclip_x.records import Answer
from bioclip_x.records.taxon import Taxon

FAILURES_IN_A_ROW: Final = 5
"""After this many requests in a row without an answer, the server is taken to be down."""

POLL_SECONDS: Final = 0.2
"""How often the caller's thread checks for Ctrl-C, where a wait cannot be interrupted."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Request(Generic[Item]):
    """One prompt.

    item: the caller's key for the answer. taxon: the subject. schema: JSON schema of the answer, for models that accept one.
    """

    item: Item
    prompt: str
    taxon: Taxon | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None


def ask_all(
    model: LanguageModel,
    requests: Sequence[Request[Item]],
    take: Callable[[Item, Answer], bool],
    *,
    concurrency: int = 1,
) -> NoAnswerError | None:
    """Sends all requests in order, at most `concurrency` at a time, and closes the model.

    take: called with each answer as it arrives, always in the thread of the event loop, not the caller's; returns True to
        send the request again.

    Returns the last failure where some requests got no answer, else None. Raises what `take` raises, and what the model
    raises except NoAnswerError; `FAILURES_IN_A_ROW` of those end the run too. Ctrl-C ends it at once, without waiting
    for requests in flight. May be called while an event loop is running, as in a notebook. Raises PluginError where the
    model's `capabilities` are of the wrong type.
    """
    run = _Run(model, requests, take, concurrency)
    # A separate thread, because an event loop may be running in this one. It is a daemon, and anyio's worker threads
    # inherit that, so that Python does not wait for pending requests at exit. `anyio.from_thread.start_blocking_portal` is
    # unsuitable: interrupted by Ctrl-C during its start (0.2 s), it waits for its thread forever.
    thread = Thread(target=run.run_loop, name="bioclip-x requests", daemon=True)
    try:
        thread.start()
        while not run.ended.wait(POLL_SECONDS):  # on Windows, Ctrl-C does not interrupt a wait without a timeout
            pass
    finally:
        run.stop.set()
        if thread.ident is not None:  # the thread was started
            run.ended.wait()
    if run.error is not None:
        raise run.error
    return run.failures.last


@dataclass
class _Failures:
    last: NoAnswerError | None = None
    in_a_row: int = 0

    def add(self, failure: NoAnswerError) -> None:
        self.last = failure
        self.in_a_row += 1
        if self.in_a_row >= FAILURES_IN_A_ROW:
            raise failure


class _Run(Generic[Item]):
    """The state of one call of `ask_all`.

    stop: set by the caller to end the run early. ended: set when the event loop has ended and the model is closed.
    error: the first exception that ended the run. It is raised only outside of the event loop: the task group would wrap it
    in an ExceptionGroup, and KeyboardInterrupt or SystemExit would stop the loop.
    """

    def __init__(
        self,
        model: LanguageModel,
        requests: Sequence[Request[Item]],
        take: Callable[[Item, Answer], bool],
        concurrency: int,
    ) -> None:
        self.model, self.take = model, take
        self.json_schema = get_capabilities(model, LanguageModelCapabilities).json_schema
        self.pending = iter(requests)
        self.workers = min(concurrency, len(requests))
        self.failures = _Failures()
        self.error: BaseException | None = None
        self.stop, self.ended = Event(), Event()

    def run_loop(self) -> None:
        """Runs the event loop until all requests are done or `stop` is set."""
        try:
            anyio.run(self._ask_all)
        except BaseException as error:
            self._end(error)
        finally:
            self.ended.set()

    async def _ask_all(self) -> None:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._wait_for_stop, group.cancel_scope)
                limiter = anyio.CapacityLimiter(max(self.workers, 1))
                async with anyio.create_task_group() as workers:
                    for _ in range(self.workers):
                        workers.start_soon(self._work, group.cancel_scope, limiter)
                group.cancel_scope.cancel()  # ends _wait_for_stop
        finally:
            with anyio.CancelScope(shield=True):
                await self._close()

    async def _wait_for_stop(self, scope: anyio.CancelScope) -> None:
        await to_thread.run_sync(self.stop.wait, abandon_on_cancel=True)
        scope.cancel()

    async def _work(self, scope: anyio.CancelScope, limiter: anyio.CapacityLimiter) -> None:
        """Sends remaining requests, which all workers share."""
        try:
            for request in self.pending:
                await self._ask(request, limiter)
        except anyio.get_cancelled_exc_class() as error:
            self._end(error)  # the first error only where the model itself raised the cancellation
            raise
        except BaseException as error:
            self._end(error)
            scope.cancel()

    async def _ask(self, request: Request[Item], limiter: anyio.CapacityLimiter) -> None:
        try:
            while self.take(request.item, await self._answer(request, limiter)):
                self.failures.in_a_row = 0
        except NoAnswerError as failure:
            self.failures.add(failure)
        else:
            self.failures.in_a_row = 0

    async def _answer(self, request: Request[Item], limiter: anyio.CapacityLimiter) -> Answer:
        complete = partial(
            self.model.complete,
            request.prompt,
            taxon=request.taxon,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            schema=request.schema if self.json_schema else None,
        )
        with naming(self.model, "complete", request.taxon.name if request.taxon else ""):
            if inspect.iscoroutinefunction(self.model.complete):
                answer = complete()
            else:
                answer = await to_thread.run_sync(complete, abandon_on_cancel=True, limiter=limiter)
            given = await answer if inspect.isawaitable(answer) else answer
            return check_type(self.model, "complete", given, Answer)

    async def _close(self) -> None:
        try:
            with naming(self.model, "close"):
                closed = self.model.close()
                if inspect.isawaitable(closed):
                    await closed
        except Exception as error:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
