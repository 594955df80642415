"""Errors of plugins' code name the component."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.faults import describe, guarded, naming, remember, remember_part


class Head:
    def decide(self, number: int) -> int:
        return 1 // number


@dataclass(frozen=True, slots=True)
class Slotted:
    pass


def test_a_failure_is_one_line_with_its_cause() -> None:
    head = Head()
    remember(head, "the head 'h' of plugin 'p' (mine.py)")
    with pytest.raises(ComponentError) as raised, naming(head, "decide", "a.jpg"):
        head.decide(0)
    assert str(raised.value).startswith(
        "the head 'h' of plugin 'p' (mine.py) failed in decide at a.jpg: ZeroDivisionError: "
    )
    assert "\n" not in str(raised.value) and isinstance(raised.value.__cause__, ZeroDivisionError)
    with pytest.raises(ComponentError, match="failed in decide: ZeroDivisionError"):
        guarded(head, "decide", head.decide)(0)
    assert guarded(head, "decide", head.decide)(1) == 1


@pytest.mark.parametrize(
    ("problem", "writes"),
    [(ImageError("bad"), False), (KeyboardInterrupt(), False), (BrokenPipeError(), True), (MemoryError(), False)],
)
def test_what_is_no_fault_of_the_component_passes(problem: BaseException, writes: bool) -> None:
    with pytest.raises(type(problem)) as raised, naming(Head(), "decide", writes=writes):
        raise problem
    assert raised.value is problem


def test_a_closed_pipe_is_a_failure_where_nothing_is_written() -> None:
    with pytest.raises(ComponentError, match="failed in decide: BrokenPipeError"), naming(Head(), "decide"):
        raise BrokenPipeError


def test_leaving_the_program_is_a_failure() -> None:
    with pytest.raises(ComponentError, match=r"failed in decide: it called sys\.exit\(0\)"), naming(Head(), "decide"):
        raise SystemExit(0)


def test_names_go_with_their_components_and_to_what_these_return() -> None:
    head, part, slotted = Head(), Head(), Slotted()
    remember(head, "the head 'h'")
    remember_part(part, head)
    remember(slotted, "the reader 'r'")  # a class that weak references do not support
    assert (describe(head), describe(part), describe(slotted)) == ("the head 'h'", "the head 'h'", "the reader 'r'")
    known = id(head)
    del head
    gc.collect()
    assert not any(describe(one) == "the head 'h'" for one in [Head()] if id(one) == known)
    assert describe(Head()).endswith("test_faults.Head")


def test_what_a_component_raises_is_its_failure_whatever_it_is() -> None:
    class Odd(BaseException):
        pass

    for raised in (SystemExit(0), GeneratorExit(), Odd("x"), RecursionError("x"), StopIteration()):

        def fail(problem: BaseException = raised) -> None:
            raise problem

        with pytest.raises(ComponentError, match="failed in decide"), naming(object(), "decide"):
            fail()


def test_ctrl_c_and_what_ends_a_generator_or_a_task_pass() -> None:
    with pytest.raises(KeyboardInterrupt), naming(object(), "decide"):
        raise KeyboardInterrupt

    def generate() -> Iterator[int]:
        with naming(object(), "name"):
            yield 1

    generator = generate()
    next(generator)
    generator.close()

    async def wait() -> None:
        with naming(object(), "complete"):
            await asyncio.sleep(10)

    async def cancel() -> None:
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
