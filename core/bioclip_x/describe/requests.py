"""Many prompts to one language model, several at a time, whether it is written with `async` or without."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from bioclip_x.capabilities import LanguageModelCapabilities
from bioclip_x.components import LanguageModel
from bioclip_x.errors import NoAnswerError
from bioclip_x.records import Answer
from bioclip_x.registry import declared
from bioclip_x.records.taxon import Taxon

FAILURES_IN_A_ROW: Final = 5
"""After so many prompts without an answer, and none answered between them, the server is taken to be down."""

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Request(Generic[Item]):
    """One prompt, and what it is for.

    taxon: what it asks about. schema: JSON schema of the answer, for models that take one.
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
    """Asks every request, at most `concurrency` at a time, in their order, and closes the model.

    take: called with each answer as it comes, in the thread that runs the loop; True asks the same again.
    Returns the last failure where some requests got no answer, else None. Raises what `take` raises, and what the model
    raises but for NoAnswerError, of which `FAILURES_IN_A_ROW` end the run too. Ctrl-C ends it at once; what is in flight
    is dropped then.
    """
    return _run(_ask_all(model, requests, take, concurrency))


async def _ask_all(
    model: LanguageModel, requests: Sequence[Request[Item]], take: Callable[[Item, Answer], bool], concurrency: int
) -> NoAnswerError | None:
    left = iter(requests)
    failures = _Failures()
    workers = [asyncio.create_task(_work(model, left, take, failures)) for _ in range(min(concurrency, len(requests)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        closed = model.close()
        if inspect.isawaitable(closed):
            await closed
    return failures.last


@dataclass
class _Failures:
    last: NoAnswerError | None = None
    in_a_row: int = 0

    def add(self, problem: NoAnswerError) -> None:
        self.last = problem
        self.in_a_row += 1
        if self.in_a_row >= FAILURES_IN_A_ROW:
            raise problem


async def _work(
    model: LanguageModel, left: Iterator[Request[Item]], take: Callable[[Item, Answer], bool], failures: _Failures
) -> None:
    """One of several, which share what is left to ask."""
    for request in left:
        try:
            while take(request.item, await _answer(model, request)):
                failures.in_a_row = 0
        except NoAnswerError as problem:
            failures.add(problem)
        else:
            failures.in_a_row = 0


async def _answer(model: LanguageModel, request: Request[Any]) -> Answer:
    wishes: dict[str, Any] = {
        "taxon": request.taxon,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "schema": request.schema if declared(model, LanguageModelCapabilities).json_schema else None,
    }
    if inspect.iscoroutinefunction(model.complete):
        answer: Answer = await model.complete(request.prompt, **wishes)
        return answer
    return await _in_thread(lambda: model.complete(request.prompt, **wishes))


async def _in_thread(call: Callable[[], Any]) -> Answer:
    """A thread of its own, which no one waits for: those of asyncio's pool would hold up Ctrl-C until they are done."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def tell(value: Any, problem: BaseException | None) -> None:
        if answer.done():  # nobody waits any more
            return
        if problem is None:
            answer.set_result(value)
        else:
            answer.set_exception(problem)

    def work() -> None:
        value, problem = None, None
        try:
            value = call()
        except BaseException as raised:
            problem = raised
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(tell, value, problem)

    threading.Thread(target=work, daemon=True).start()
    value = await answer
    found: Answer = await value if inspect.isawaitable(value) else value
    return found


def _run(work: Coroutine[Any, Any, Value]) -> Value:
    """`asyncio.run`, also from within a running loop, where a notebook's cells are."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    done: list[Value] = []
    problems: list[BaseException] = []
    task: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def noted() -> Value:
        current = asyncio.current_task()
        assert current is not None
        task.append((asyncio.get_running_loop(), current))
        return await work

    def elsewhere() -> None:
        try:
            done.append(asyncio.run(noted()))
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        for loop, current in task:
            loop.call_soon_threadsafe(current.cancel)
        thread.join()
        raise
    if problems:
        raise problems[0]
    return done[0]
