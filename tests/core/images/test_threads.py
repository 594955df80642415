from __future__ import annotations

import threading
import time

import pytest

from bioclip_x.images import threads
from bioclip_x.images.threads import DecodeThreads


def test_results_and_errors_reach_who_asks() -> None:
    with DecodeThreads(3) as pool:
        futures = [pool.submit(pow, i, 2) for i in range(50)]
        failing = pool.submit(int, "x")
        assert [one.result() for one in futures] == [i * i for i in range(50)]
        with pytest.raises(ValueError, match="invalid literal"):
            failing.result()


def test_no_more_threads_than_asked_for() -> None:
    running = most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    with DecodeThreads(2) as pool:
        for one in [pool.submit(work) for _ in range(8)]:
            one.result()
    assert most == 2


def test_an_interrupted_run_waits_for_nothing_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "GRACE", 0.1)
    never = threading.Event()
    done: list[int] = []
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), DecodeThreads(1) as pool:
        pool.submit(never.wait)
        waiting = pool.submit(done.append, 1)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 2
    never.set()
    assert waiting.cancelled() and not done
