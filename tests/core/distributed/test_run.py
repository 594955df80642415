"""What the driver does beside Ray."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from bioclip_x.distributed import run


def test_an_interruption_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Ray calls Python from C, which ignores exceptions."""
    monkeypatch.setattr(run, "AGAIN", 0.05)
    before = signal.getsignal(signal.SIGINT)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), run.insisting():
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        time.sleep(10)
    assert time.monotonic() - started < 5
    time.sleep(0.2)  # and not once more
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_signals_are_left_alone() -> None:
    seen: list[bool] = []

    def use() -> None:
        with run.insisting():
            seen.append(True)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [True]
