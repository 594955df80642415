"""What the checks of language models and of captioners share: both ask a server, or a model on this machine.

A component that asks a server is put to one that the checks start. Examples: `url`, the option that takes the server's address;
`reply`, the body of its answer, whose text is "a red cap"; `key`, the environment variable of the key, if it has one.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import anyio

from bioclip_x.errors import BioclipXError, LanguageModelError, NoAnswerError
from bioclip_x.faults import summarise
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.servers import Reply, serving

SECRET: Final = "secret-0123456789"
TEXT: Final = "a red cap"
SOON: Final = 3.0
"""Seconds in which a cancelled run must end."""

Call = Callable[[Any], Awaitable[Any]]
"""Asks a component once."""


@contextmanager
def asking(subject: Subject, respond: Callable[[int, Reply], Reply] | None = None) -> Iterator[Subject]:
    """The component with a server that it asks, if it asks one. Raises NotApplicable if it must, and does not.

    respond: number of the request, and the good reply → the reply.
    """
    if "url" not in subject.examples:
        if respond:
            raise NotApplicable("needs examples: url=OPTION and reply=BODY, for a model that asks a server")
        yield subject
        return
    body = subject.need("reply")
    good = Reply(body if isinstance(body, bytes) else str(body).encode())
    key = subject.examples.get("key")
    before = os.environ.get(key, "") if key else ""
    with serving(lambda number: respond(number, good) if respond else good) as address:
        if key:
            os.environ[key] = SECRET
        try:
            yield replace(subject, options={**subject.options, subject.examples["url"]: f"{address}/v1"})
        finally:
            if key:
                os.environ[key] = before


async def close(component: Any) -> None:
    closing = component.close()
    if inspect.isawaitable(closing):
        await closing


def ask(subject: Subject, call: Call, times: int = 1, rounds: int = 1) -> list[Any]:
    """Returns the answers to one question asked several times at once, in rounds after which the component is closed."""
    answers: list[Any] = []

    async def run() -> None:
        component = subject.make()

        async def one() -> None:
            answers.append(await call(component))

        for _ in range(rounds):
            async with anyio.create_task_group() as group:
                for _ in range(times):
                    group.start_soon(one)
            await close(component)

    try:
        anyio.run(run)
    except BaseException as problem:
        first = find_first(problem)
        if first is problem:
            raise
        raise first from problem
    return answers


def ask_or_skip(subject: Subject, call: Call, times: int = 1, rounds: int = 1) -> list[Any]:
    """As `ask`. Raises NotApplicable where no model answers."""
    with asking(subject) as ready:
        try:
            return ask(ready, call, times, rounds)
        except BioclipXError as problem:
            if "url" in subject.examples:
                raise
            raise NotApplicable(f"no model answers here: {problem}") from problem


def find_first(problem: BaseException) -> BaseException:
    """Returns the first exception of a group, else the exception itself."""
    while nested := getattr(problem, "exceptions", ()):
        problem = nested[0]
    return problem


def expect_no_secrets(subject: Subject) -> None:
    """Has its provenance tell the model and the host, no key and no address."""
    with asking(subject) as ready:
        told = ready.make().provenance
    assert isinstance(told, Mapping), f"expected a mapping, got {type(told).__name__}"
    for name in ("model", "host"):
        assert told.get(name), f"expected the name of the {name}, got {dict(told)!r}"
    for name, value in told.items():
        is_secret = "key" in name.lower() or "://" in str(value) or "@" in str(value) or SECRET in str(value)
        assert not is_secret, f"expected no key and no address, got {name}={value!r}"


def expect_retries(subject: Subject, call: Call) -> Any:
    """Returns the answer after a lost connection and an overloaded server (503)."""
    trouble = {0: Reply(status=0), 1: Reply(b"{}", status=503)}
    with asking(subject, lambda number, good: trouble.get(number, good)) as ready:
        try:
            [answer] = ask(ready, call)
        except BioclipXError as problem:
            raise AssertionError(
                f"expected an answer after two transient failures, got {summarise(problem)}"
            ) from problem
    return answer


def expect_refusals_told(subject: Subject, call: Call) -> None:
    """Has a server that refuses, and a reply that is none, be errors that name the host, and never the key."""
    refusals = {
        "a refusal (401)": Reply(f'{{"error": {{"message": "bad key {SECRET}"}}}}'.encode(), status=401),
        "a web page": Reply(b"<html>hello</html>"),
    }
    for what, reply in refusals.items():
        with asking(subject, lambda number, good, reply=reply: reply) as ready:  # type: ignore[misc]
            try:
                ask(ready, call)
            except (LanguageModelError, NoAnswerError) as problem:
                said = str(problem)
                assert "127.0.0.1" in said, f"expected an error of {what} that names the host, got {said!r:.150}"
                assert SECRET not in said, f"expected no key in the error of {what}, got {said!r:.150}"
            except Exception as problem:
                raise AssertionError(
                    f"expected a LanguageModelError or NoAnswerError of {what}, got {summarise(problem)}"
                ) from problem
            else:
                raise AssertionError(f"expected an error of {what}, got an answer")


def expect_cancellation(subject: Subject, call: Call, method: str) -> None:
    """Has a run that is cancelled end, also while a server does not answer, and the component be closed afterwards."""
    if not inspect.iscoroutinefunction(getattr(subject.make(), method)):
        raise NotApplicable("a plain function cannot be interrupted")

    async def run(ready: Subject) -> bool:
        start = anyio.current_time()
        with anyio.move_on_after(SOON):
            component = ready.make()
            with anyio.move_on_after(0.2):
                await call(component)
            await close(component)
        return anyio.current_time() - start < SOON

    respond = (lambda number, good: Reply(hangs=True)) if "url" in subject.examples else None
    with asking(subject, respond) as ready:
        try:
            ends = anyio.run(run, ready)
        except BioclipXError as problem:
            raise NotApplicable(f"no model answers here: {problem}") from problem
    assert ends, f"expected a cancelled run to end at once, got none within {SOON} s"
