"""Checks of language models. Those that answer need a model that does: a local server or a fake, given by options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import anyio

from bioclip_x.errors import BioclipXError
from bioclip_x.records import Answer
from bioclip_x.testing.checks import NotApplicable, Subject

PROMPT = "List visual features of a blackbird."


def ask(subject: Subject, prompt: str = PROMPT, times: int = 1) -> list[Answer]:
    """Returns the answers to one prompt asked several times at once. Raises NotApplicable where no model answers."""
    answers: list[Any] = [None] * times

    async def run() -> None:
        model = subject.make()

        async def one(number: int) -> None:
            given = {"taxon": None, "temperature": 0.0, "max_tokens": 50, "schema": None}
            answer = model.complete(prompt, **given)
            answers[number] = await answer if inspect.isawaitable(answer) else answer

        async with anyio.create_task_group() as group:
            for number in range(times):
                group.start_soon(one, number)
        closing = model.close()
        if inspect.isawaitable(closing):
            await closing

    try:
        anyio.run(run)
    except BaseException as problem:
        first = find_first(problem)
        if isinstance(first, BioclipXError):
            raise NotApplicable(f"no model answers here: {first}") from problem
        raise first from problem
    return answers


def find_first(problem: BaseException) -> BaseException:
    """Returns the first exception of a group, else the exception itself."""
    while nested := getattr(problem, "exceptions", ()):
        problem = nested[0]
    return problem


def check_provenance_has_no_secrets(subject: Subject) -> None:
    """Its provenance tells the model and the host, no key and no address."""
    told = subject.make().provenance
    assert isinstance(told, Mapping), f"expected a mapping, got {type(told).__name__}"
    assert told.get("model"), f"expected the model's name, got {dict(told)!r}"
    for name, value in told.items():
        assert "key" not in name.lower() and "://" not in str(value) and "@" not in str(value), (
            f"expected no secret in {name!r}"
        )


def check_it_answers(subject: Subject) -> None:
    """It answers a prompt with an Answer that has a text."""
    [answer] = ask(subject)
    assert isinstance(answer, Answer), f"expected an Answer, got {type(answer).__name__}"
    assert isinstance(answer.text, str), f"expected a text, got {answer.text!r}"


def check_it_answers_several_at_once(subject: Subject) -> None:
    """Prompts that are asked at the same time are all answered."""
    answers = ask(subject, times=4)
    assert all(isinstance(answer, Answer) for answer in answers), f"expected four Answers, got {answers!r}"


def check_a_run_can_be_cancelled(subject: Subject) -> None:
    """A run that is cancelled ends, and the model can be closed afterwards."""
    if not inspect.iscoroutinefunction(subject.make().complete):
        raise NotApplicable("a plain function cannot be interrupted")

    async def run() -> None:
        model = subject.make()
        with anyio.move_on_after(0):
            await model.complete(PROMPT, taxon=None, temperature=0.0, max_tokens=50, schema=None)
        closing = model.close()
        if inspect.isawaitable(closing):
            await closing

    with_timeout = anyio.run(_finishes, run)
    assert with_timeout, "expected the run to end at once"


async def _finishes(run: Any) -> bool:
    with anyio.move_on_after(10) as scope:
        await run()
    return not scope.cancelled_caught


def check_it_can_be_closed_unused(subject: Subject) -> None:
    """Closing a model that was not used does nothing."""

    async def run() -> None:
        closing = subject.make().close()
        if inspect.isawaitable(closing):
            await closing

    anyio.run(run)
