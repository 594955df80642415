"""Waits between retries: exponential backoff with jitter, and never before the time that the server asks for.

Jitter keeps requests that failed together from being repeated together (M. Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015); here half of each wait is fixed ("equal jitter").
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
MOST_RETRIES: Final = 1000
LONGEST_TIMEOUT: Final = 86_400.0
"""Seconds for one answer: a day."""
MAX_RETRY_AFTER: Final = 600.0
"""The longest wait that a server may ask for, in seconds; beyond it the run stops."""

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


def draw_wait(failures: int, random: Random) -> float:
    """Returns the seconds to wait after `failures` (1 or more) failures: up to 0.5, 1, 2, … 30, at least half of that."""
    longest = min(FIRST_WAIT * 2.0 ** min(failures - 1, 30), LONGEST_WAIT)
    return longest * (0.5 + 0.5 * random.random())


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Returns the seconds of a Retry-After header (RFC 9110, section 10.2.3: seconds or an HTTP date), 0 for a past date.

    None without a valid header.

    >>> parse_retry_after({"retry-after": "120"}, datetime.now(timezone.utc))
    120.0
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - now).total_seconds())


class Gate:
    """Holds back all requests to a server, not only the refused one, until the time that it asked for."""

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
        """Waits until the gate opens, plus a random part of a second, so that requests do not start all at once."""
        while (left := self._opens_at - self._clock()) > 0:
            await self._sleep(left + self.random.random() * min(1.0, left))

    async def wait(self, seconds: float) -> None:
        await self._sleep(seconds)
