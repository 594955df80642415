"""Many prompts at a time: how many, in which order, and what happens when some or all fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bioclip_x.capabilities import LanguageModelCapabilities
from bioclip_x.describe.requests import FAILURES_IN_A_ROW, Request, ask_all
from bioclip_x.errors import LanguageModelError, NoAnswerError
from bioclip_x.records import Answer


class Counting:
    """Remembers how many calls were under way at once, and on which threads."""

    def __init__(self, fails: Callable[[str], BaseException | None] = lambda prompt: None) -> None:
        self.fails = fails
        self.provenance = {"model": "m", "host": "h"}
        self.now = self.most = self.closed = 0
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.lock = threading.Lock()

    def enter(self, prompt: str) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.asked.append(prompt)
            self.threads.add(threading.get_ident())

    def leave(self, prompt: str) -> Answer:
        with self.lock:
            self.now -= 1
        if problem := self.fails(prompt):
            raise problem
        return Answer(f"- {prompt}")


class Plain(Counting):
    def complete(self, prompt: str, **wishes: Any) -> Answer:
        self.enter(prompt)
        time.sleep(0.01)
        return self.leave(prompt)

    def close(self) -> None:
        self.closed += 1


class Asynchronous(Counting):
    capabilities = LanguageModelCapabilities(json_schema=True)

    async def complete(self, prompt: str, *, schema: Any, **wishes: Any) -> Answer:
        self.enter(prompt)
        await asyncio.sleep(0.01)
        self.schema = schema
        return self.leave(prompt)

    async def close(self) -> None:
        self.closed += 1


def requests(count: int) -> list[Request[int]]:
    return [Request(i, f"p{i}", None, 0.0, 9, {"type": "object"}) for i in range(count)]


def asked(model: Any, count: int, concurrency: int) -> tuple[dict[int, str], NoAnswerError | None]:
    taken: dict[int, str] = {}
    failure = ask_all(
        model, requests(count), lambda item, answer: bool(taken.update({item: answer.text})), concurrency=concurrency
    )
    return taken, failure


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_more_than_allowed_and_each_once(kind: Any, concurrency: int) -> None:
    model = kind()
    taken, failure = asked(model, 20, concurrency)
    assert taken == {i: f"- p{i}" for i in range(20)} and failure is None
    assert sorted(model.asked) == sorted(f"p{i}" for i in range(20))
    assert model.most == concurrency and model.closed == 1
    assert concurrency > 1 or model.asked == [f"p{i}" for i in range(20)]


def test_a_schema_goes_to_models_that_take_one() -> None:
    model = Asynchronous()
    asked(model, 1, 1)
    assert model.schema == {"type": "object"}


def test_answers_are_taken_in_one_thread_and_asked_for_again_on_request() -> None:
    model, threads, answers = Plain(), set(), []

    def take(item: int, answer: Answer) -> bool:
        threads.add(threading.get_ident())
        answers.append(item)
        return answers.count(item) < 3

    ask_all(model, requests(4), take, concurrency=4)
    assert len(threads) == 1 and threading.get_ident() in threads
    assert sorted(answers) == sorted([0, 1, 2, 3] * 3)


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
def test_one_without_an_answer_does_not_stop_the_others(kind: Any) -> None:
    model = kind(lambda prompt: NoAnswerError(f"no {prompt}") if prompt in ("p1", "p7") else None)
    taken, failure = asked(model, 10, 2)
    assert sorted(taken) == [0, 2, 3, 4, 5, 6, 8, 9]
    assert str(failure) == "no p7"


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
def test_a_server_that_is_down_ends_the_run(kind: Any) -> None:
    model = kind(lambda prompt: NoAnswerError("down"))
    with pytest.raises(NoAnswerError, match="down"):
        asked(model, 100, 1)
    assert len(model.asked) == FAILURES_IN_A_ROW and model.closed == 1


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
@pytest.mark.parametrize("problem", [LanguageModelError("wrong key"), KeyboardInterrupt(), RuntimeError("a bug")])
def test_what_no_prompt_survives_ends_the_run_at_once(kind: Any, problem: BaseException) -> None:
    model = kind(lambda prompt: problem if prompt == "p2" else None)
    with pytest.raises(type(problem)):
        asked(model, 100, 1)
    assert model.asked == ["p0", "p1", "p2"] and model.closed == 1


def test_a_thread_that_hangs_holds_nothing_up() -> None:
    class Hangs(Plain):
        def complete(self, prompt: str, **wishes: Any) -> Answer:
            if prompt == "p0":
                released.wait(60)
            raise LanguageModelError("no")

    released = threading.Event()
    started = time.monotonic()
    with pytest.raises(LanguageModelError):
        asked(Hangs(), 2, 2)
    assert time.monotonic() - started < 30
    released.set()


def test_within_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> dict[int, str]:
        return asked(Asynchronous(), 3, 2)[0]

    assert asyncio.run(cell()) == {0: "- p0", 1: "- p1", 2: "- p2"}

    async def failing() -> None:
        asked(Asynchronous(lambda prompt: LanguageModelError("no")), 3, 2)

    with pytest.raises(LanguageModelError):
        asyncio.run(failing())
