"""How long is waited before the next try."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from random import Random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x_plugins.language_models.retries import LONGEST_WAIT, Gate, draw_wait, parse_retry_after

NOW = datetime(2025, 3, 4, 5, 6, 7, tzinfo=timezone.utc)


@given(st.integers(1, 10_000), st.integers())
def test_the_wait_doubles_within_bounds_and_half_of_it_is_random(failures: int, seed: int) -> None:
    longest = min(LONGEST_WAIT, 0.5 * 2 ** (failures - 1)) if failures < 20 else LONGEST_WAIT
    assert longest / 2 <= draw_wait(failures, Random(seed)) <= longest


def test_waits_of_requests_that_failed_together_differ() -> None:
    random = Random(0)
    assert len({draw_wait(3, random) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Tue, 04 Mar 2025 05:06:07 GMT", 0.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        ("", None), ("soon", None), ("-5", None), ("nan", None), ("inf", None), ("Tue, 99 Foo 2025", None),
    ],
)  # fmt: skip
def test_retry_after_header(said: str, seconds: float | None) -> None:
    assert parse_retry_after({"retry-after": said}, NOW) == seconds
    assert parse_retry_after({}, NOW) is None


def test_the_gate_holds_back_all_requests_until_it_opens() -> None:
    async def waits() -> list[float]:
        slept: list[float] = []
        now = [0.0]

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            now[0] += seconds

        gate = Gate(sleep, lambda: now[0], Random(1))
        await gate.pass_through()
        assert slept == []
        gate.close_for(20)
        gate.close_for(5)
        await gate.pass_through()
        now[0] -= 10
        gate.close_for(20)
        await gate.pass_through()
        return slept

    first, second = anyio.run(waits)
    assert 20 <= first <= 21 and 19 <= second <= 21
