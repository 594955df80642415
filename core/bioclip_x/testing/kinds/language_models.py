"""Checks of language models. Those that answer need a model that does, on this machine or behind an option.

A model that asks a server is put to one that the checks start. Examples: `url`, the option that takes the server's address;
`reply`, the body of its answer, whose text is "a red cap"; `key`, the environment variable of the key, if it has one.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import anyio

from bioclip_x.errors import BioclipXError, LanguageModelError, NoAnswerError
from bioclip_x.faults import summarise
from bioclip_x.records import Answer
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.servers import Reply, serving

PROMPT: Final = "List visual features of a blackbird."
SECRET: Final = "secret-0123456789"
TEXT: Final = "a red cap"
SOON: Final = 3.0
"""Seconds in which a cancelled run must end."""


@contextmanager
def asking(subject: Subject, respond: Callable[[int, Reply], Reply] | None = None) -> Iterator[Subject]:
    """The model with a server that it asks, if it asks one. Raises NotApplicable if it must, and does not.

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


async def complete(model: Any, prompt: str = PROMPT) -> Any:
    answer = model.complete(prompt, taxon=None, temperature=0.0, max_tokens=50, schema=None)
    return await answer if inspect.isawaitable(answer) else answer


async def close(model: Any) -> None:
    closing = model.close()
    if inspect.isawaitable(closing):
        await closing


def ask(subject: Subject, times: int = 1, rounds: int = 1) -> list[Any]:
    """Returns the answers to one prompt asked several times at once, in rounds after which the model is closed."""
    answers: list[Any] = []

    async def run() -> None:
        model = subject.make()

        async def one() -> None:
            answers.append(await complete(model))

        for _ in range(rounds):
            async with anyio.create_task_group() as group:
                for _ in range(times):
                    group.start_soon(one)
            await close(model)

    try:
        anyio.run(run)
    except BaseException as problem:
        first = find_first(problem)
        if first is problem:
            raise
        raise first from problem
    return answers


def ask_or_skip(subject: Subject, times: int = 1, rounds: int = 1) -> list[Any]:
    """As `ask`. Raises NotApplicable where no model answers."""
    with asking(subject) as ready:
        try:
            return ask(ready, times, rounds)
        except BioclipXError as problem:
            if "url" in subject.examples:
                raise
            raise NotApplicable(f"no model answers here: {problem}") from problem


def find_first(problem: BaseException) -> BaseException:
    """Returns the first exception of a group, else the exception itself."""
    while nested := getattr(problem, "exceptions", ()):
        problem = nested[0]
    return problem


def check_provenance_has_no_secrets(subject: Subject) -> None:
    """Its provenance tells the model and the host, no key and no address."""
    with asking(subject) as ready:
        told = ready.make().provenance
    assert isinstance(told, Mapping), f"expected a mapping, got {type(told).__name__}"
    for name in ("model", "host"):
        assert told.get(name), f"expected the name of the {name}, got {dict(told)!r}"
    for name, value in told.items():
        is_secret = "key" in name.lower() or "://" in str(value) or "@" in str(value) or SECRET in str(value)
        assert not is_secret, f"expected no key and no address, got {name}={value!r}"


def check_it_answers(subject: Subject) -> None:
    """It answers a prompt with an Answer that has a text."""
    [answer] = ask_or_skip(subject)
    assert isinstance(answer, Answer), f"expected an Answer, got {type(answer).__name__}"
    assert isinstance(answer.text, str), f"expected a text, got {answer.text!r}"
    if "url" in subject.examples:
        assert TEXT in answer.text, f"expected the text of the reply, {TEXT!r}, got {answer.text!r}"


def check_it_answers_several_at_once(subject: Subject) -> None:
    """Prompts that are asked at the same time are all answered."""
    answers = ask_or_skip(subject, times=4)
    odd = [answer for answer in answers if not isinstance(answer, Answer)]
    assert len(answers) == 4 and not odd, f"expected four Answers, got {answers!r:.100}"


def check_it_answers_after_it_was_closed(subject: Subject) -> None:
    """A model that was closed may be used again."""
    answers = ask_or_skip(subject, rounds=2)
    assert len(answers) == 2, f"expected an answer before and after closing, got {len(answers)}"


def check_transient_failures_are_retried(subject: Subject) -> None:
    """A lost connection and an overloaded server (503) are tried again."""
    trouble = {0: Reply(status=0), 1: Reply(b"{}", status=503)}
    with asking(subject, lambda number, good: trouble.get(number, good)) as ready:
        try:
            [answer] = ask(ready)
        except BioclipXError as problem:
            raise AssertionError(
                f"expected an answer after two transient failures, got {summarise(problem)}"
            ) from problem
    assert TEXT in answer.text, f"expected the text of the reply, {TEXT!r}, got {answer.text!r}"


def check_refusals_are_told(subject: Subject) -> None:
    """A server that refuses (401), and a reply that is none, are errors that name the host, and never the key."""
    refusals = {
        "a refusal (401)": Reply(f'{{"error": {{"message": "bad key {SECRET}"}}}}'.encode(), status=401),
        "a web page": Reply(b"<html>hello</html>"),
    }
    for what, reply in refusals.items():
        with asking(subject, lambda number, good, reply=reply: reply) as ready:  # type: ignore[misc]
            try:
                ask(ready)
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


def check_a_run_can_be_cancelled(subject: Subject) -> None:
    """A run that is cancelled ends, also while a server does not answer, and the model can be closed afterwards."""
    if not inspect.iscoroutinefunction(subject.make().complete):
        raise NotApplicable("a plain function cannot be interrupted")

    async def run(ready: Subject) -> bool:
        start = anyio.current_time()
        with anyio.move_on_after(SOON):
            model = ready.make()
            with anyio.move_on_after(0.2):
                await complete(model)
            await close(model)
        return anyio.current_time() - start < SOON

    respond = (lambda number, good: Reply(hangs=True)) if "url" in subject.examples else None
    with asking(subject, respond) as ready:
        try:
            ends = anyio.run(run, ready)
        except BioclipXError as problem:
            raise NotApplicable(f"no model answers here: {problem}") from problem
    assert ends, f"expected a cancelled run to end at once, got none within {SOON} s"


def check_it_can_be_closed_unused(subject: Subject) -> None:
    """Closing a model that was not used does nothing."""
    anyio.run(close, subject.make())
