"""When to try again: longer and longer apart, at random within bounds, and never before the server says.

Full jitter keeps requests that failed together from failing together again (M. Brooker, "Exponential Backoff And Jitter",
AWS Architecture Blog, 2015); here half of the wait is fixed.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

import anyio

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
MOST_PATIENCE: Final = 600.0
"""Seconds. A server that says to come back later than that is not waited for."""

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


def draw_wait(failures: int, random: Random) -> float:
    """Seconds to wait after so many failures (1 or more): 0.5, 1, 2, … at most 30, half of each at random."""
    longest = min(FIRST_WAIT * 2.0 ** min(failures - 1, 30), LONGEST_WAIT)
    return longest * (0.5 + 0.5 * random.random())


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, section 10.2.3: seconds, or an HTTP date), None where it says nothing
    that can be read. A date in the past is 0.

    >>> retry_after({"retry-after": "120"}, datetime.now(timezone.utc))
    120.0
    """
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - now).total_seconds())


class Gate:
    """Holds all requests to a server back until the time that it named, not only the one that it told."""

    def __init__(
        self, sleep: Sleep = anyio.sleep, clock: Clock = anyio.current_time, random: Random | None = None
    ) -> None:
        self.random = random or Random()
        self._sleep = sleep
        self._clock = clock
        self._opens_at = -math.inf

    def close_for(self, seconds: float) -> None:
        self._opens_at = max(self._opens_at, self._clock() + seconds)

    async def pass_through(self) -> None:
        """Waits until the gate is open; then a little at random, up to a second, so that not all go at once."""
        while (left := self._opens_at - self._clock()) > 0:
            await self._sleep(left + self.random.random() * min(1.0, left))

    async def wait(self, seconds: float) -> None:
        await self._sleep(seconds)
