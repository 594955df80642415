"""Calls of a component for items that come one at a time. Those for lists are tested with language models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from bioclip_x.calls import Calls, Failures
from bioclip_x.errors import DatasetError, NoAnswerError


class Doubles:
    closed = 0

    async def double(self, number: int) -> int:
        await anyio.sleep(0.001)
        if number % 10 == 3:
            raise NoAnswerError(f"no answer to {number}")
        return 2 * number

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("is_lazy", [False, True])
def test_each_item_is_called_once_and_failures_are_told(concurrency: int, is_lazy: bool) -> None:
    taken: dict[int, int] = {}
    failed: list[int] = []
    items: Any = iter(range(50)) if is_lazy else range(50)
    component = Doubles()
    calls: Calls[int, int] = Calls(
        component,
        "double",
        items,
        component.double,
        lambda item, given: bool(taken.update({item: given})),
        fail=lambda item, failure: failed.append(item),
        concurrency=concurrency,
    )
    assert str(calls.run()).startswith("no answer to") and component.closed == 1
    assert sorted(failed) == [3, 13, 23, 33, 43]
    assert taken == {n: 2 * n for n in range(50) if n % 10 != 3}


def test_a_generator_runs_in_no_two_threads_at_once_and_its_error_ends_the_run() -> None:
    lock = threading.Lock()

    def count() -> Iterator[int]:
        for number in range(20):
            assert lock.acquire(blocking=False)
            lock.release()
            yield 10 * number
        raise DatasetError("cut short")

    component = Doubles()
    with pytest.raises(DatasetError, match="cut short"):
        Calls(component, "double", count(), component.double, lambda item, given: False, concurrency=8).run()
    assert component.closed == 1


def test_the_number_of_failures_that_end_a_run() -> None:
    component, failed = Doubles(), list[int]()
    items = [3] * 9
    for most, n_failed in ((2, 2), (20, 9)):
        failed.clear()
        calls: Calls[int, int] = Calls(
            component,
            "double",
            items,
            component.double,
            lambda item, given: False,
            fail=lambda item, failure: failed.append(item),
            failures=Failures(most),
        )
        if most == 2:
            with pytest.raises(NoAnswerError):
                calls.run()
        else:
            assert calls.run() is not None
        assert len(failed) == n_failed
