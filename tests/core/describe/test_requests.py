"""Many prompts at a time: how many, in which order, and what happens when some or all fail."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bioclip_x.calls import FAILURES_IN_A_ROW
from bioclip_x.describe.requests import Request, ask_all
from bioclip_x.errors import ComponentError, LanguageModelError, NoAnswerError, PluginError
from bioclip_x.hooks.capabilities import LanguageModelCapabilities
from bioclip_x.records import Answer, Taxon

SCHEMA = {"type": "object"}


class Counting:
    """Remembers how many calls were under way at once, and what was asked."""

    def __init__(self, fails: Callable[[str], BaseException | None] = lambda prompt: None) -> None:
        self.fails = fails
        self.provenance = {"model": "m", "host": "h"}
        self.now = self.most = self.closed = 0
        self.asked: list[str] = []
        self.wishes: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def enter(self, prompt: str, wishes: dict[str, Any]) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.asked.append(prompt)
            self.wishes.append(wishes)

    def leave(self, prompt: str) -> Answer:
        with self.lock:
            self.now -= 1
        if problem := self.fails(prompt):
            raise problem
        return Answer(f"- {prompt}")


class Plain(Counting):
    def complete(self, prompt: str, **wishes: Any) -> Answer:
        self.enter(prompt, wishes)
        time.sleep(0.01)
        return self.leave(prompt)

    def close(self) -> None:
        self.closed += 1


class Asynchronous(Counting):
    capabilities = LanguageModelCapabilities(json_schema=True)

    async def complete(self, prompt: str, **wishes: Any) -> Answer:
        self.enter(prompt, wishes)
        await anyio.sleep(0.01)
        return self.leave(prompt)

    async def close(self) -> None:
        self.closed += 1


def requests(count: int) -> list[Request[int]]:
    return [
        Request(i, f"p{i}", Taxon("species", f"s{i}", (("species", f"s{i}"),)), 0.0, 9, SCHEMA) for i in range(count)
    ]


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


@pytest.mark.parametrize(("kind", "schema"), [(Plain, None), (Asynchronous, SCHEMA)])
def test_the_taxon_is_always_passed_and_the_schema_to_models_that_take_one(kind: Any, schema: Any) -> None:
    model = kind()
    asked(model, 1, 1)
    assert model.wishes == [{"taxon": requests(1)[0].taxon, "temperature": 0.0, "max_tokens": 9, "schema": schema}]


def test_capabilities_of_the_wrong_type_are_an_error_before_anything_is_asked() -> None:
    model = Plain()
    model.capabilities = {"json_schema": True}  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match=r"Plain: expected .* LanguageModelCapabilities"):
        asked(model, 1, 1)
    assert model.asked == []


def test_more_threads_than_the_default_limit_of_anyio() -> None:
    class Together(Plain):
        def complete(self, prompt: str, **wishes: Any) -> Answer:
            barrier.wait(60)
            return super().complete(prompt, **wishes)

    barrier = threading.Barrier(50)
    taken, failure = asked(Together(), 50, 50)
    assert len(taken) == 50 and failure is None


def test_a_plain_method_may_return_an_awaitable() -> None:
    class Wrapped(Asynchronous):
        def complete(self, prompt: str, **wishes: Any) -> Any:
            return super().complete(prompt, **wishes)

    assert asked(Wrapped(), 3, 2) == ({0: "- p0", 1: "- p1", 2: "- p2"}, None)


def test_answers_are_taken_in_one_thread_and_asked_for_again_on_request() -> None:
    model, threads, answers = Plain(), set(), []

    def take(item: int, answer: Answer) -> bool:
        threads.add(threading.get_ident())
        answers.append(item)
        return answers.count(item) < 3

    ask_all(model, requests(4), take, concurrency=4)
    assert len(threads) == 1
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
@pytest.mark.parametrize("problem", [LanguageModelError("wrong key"), KeyboardInterrupt()])
def test_what_no_prompt_survives_ends_the_run_at_once(kind: Any, problem: BaseException) -> None:
    model = kind(lambda prompt: problem if prompt == "p2" else None)
    with pytest.raises(type(problem)):
        asked(model, 100, 1)
    assert model.asked == ["p0", "p1", "p2"] and model.closed == 1


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
@pytest.mark.parametrize("problem", [RuntimeError("a bug"), SystemExit(0)])
def test_a_fault_of_the_model_names_it_and_ends_the_run(kind: Any, problem: BaseException) -> None:
    model = kind(lambda prompt: problem if prompt == "p2" else None)
    with pytest.raises(
        ComponentError, match=rf"{kind.__name__} failed in complete at s2: (RuntimeError: a bug|it called)"
    ):
        asked(model, 100, 1)
    assert model.asked == ["p0", "p1", "p2"] and model.closed == 1


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
@pytest.mark.parametrize(
    ("raised_by", "problem"),
    [
        ("take", ValueError("disk full")),
        *((by, problem) for by in ("take", "complete") for problem in (KeyboardInterrupt(), asyncio.CancelledError())),
    ],
)
def test_the_first_problem_is_raised_as_itself_among_many_in_flight(
    kind: Any, problem: BaseException, raised_by: str
) -> None:
    def take(item: int, answer: Answer) -> bool:
        if raised_by == "take":
            raise problem
        return False

    model = kind(lambda prompt: problem if raised_by == "complete" else None)
    with pytest.raises(type(problem)) as raised:
        ask_all(model, requests(100), take, concurrency=4)
    assert raised.value is problem
    assert len(model.asked) < 100 and model.closed == 1


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
def test_a_failure_to_close_is_raised_unless_something_else_failed_before(kind: Any) -> None:
    class Unclosable(kind):  # type: ignore[misc]
        def close(self) -> None:
            raise RuntimeError("cannot close")

    with pytest.raises(ComponentError, match="failed in close: RuntimeError: cannot close"):
        asked(Unclosable(), 3, 2)
    with pytest.raises(LanguageModelError, match="wrong key"):
        asked(Unclosable(lambda prompt: LanguageModelError("wrong key")), 3, 2)


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


class PlainUntilReleased(Plain):
    def complete(self, prompt: str, **wishes: Any) -> Answer:
        self.enter(prompt, wishes)
        released.wait(0 if prompt == "p0" else 60)
        return self.leave(prompt)


class AsynchronousUntilCancelled(Asynchronous):
    async def complete(self, prompt: str, **wishes: Any) -> Answer:
        self.enter(prompt, wishes)
        await anyio.sleep(0 if prompt == "p0" else 60)
        return self.leave(prompt)


released = threading.Event()


@pytest.mark.parametrize("kind", [PlainUntilReleased, AsynchronousUntilCancelled])
def test_ctrl_c_drops_what_is_in_flight_and_closes_the_model(kind: Any) -> None:
    def interrupt(item: int, answer: Answer) -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    model, started = kind(), time.monotonic()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            ask_all(model, requests(10), interrupt, concurrency=4)
    finally:
        signal.signal(signal.SIGINT, handler)
        released.set()
    assert time.monotonic() - started < 30
    assert model.closed == 1 and set(model.asked) <= {f"p{i}" for i in range(5)}


def test_within_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> dict[int, str]:
        return asked(Asynchronous(), 3, 2)[0]

    assert anyio.run(cell) == {0: "- p0", 1: "- p1", 2: "- p2"}

    async def failing() -> None:
        asked(Asynchronous(lambda prompt: LanguageModelError("no")), 3, 2)

    with pytest.raises(LanguageModelError):
        anyio.run(failing)
