from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from bioclip_x.training.checkpointing.signals import NONE, SAVE, Signals
from processes import join


@pytest.fixture
def stopped() -> Iterator[list[int]]:
    """Handlers that the program has set before; what they receive."""
    received: list[int] = []
    before = {one: signal.signal(one, lambda got, _: received.append(got)) for one in (signal.SIGTERM, signal.SIGUSR1)}
    yield received
    for one, handler in before.items():
        signal.signal(one, handler)


def test_signals_wait_for_the_end_of_a_step(stopped: list[int]) -> None:
    with Signals() as signals:
        assert signals.ask() == NONE
        signal.raise_signal(signal.SIGUSR1)
        assert [signals.ask(), signals.ask()] == [SAVE, NONE]
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGUSR1)  # Slurm sends both
        assert signals.ask() == signal.SIGTERM and stopped == []
        signals.leave(signal.SIGTERM)
        assert stopped == [signal.SIGTERM]
    signal.raise_signal(signal.SIGUSR1)
    assert stopped == [signal.SIGTERM, signal.SIGUSR1]


@pytest.mark.parametrize("asked", [False, True])
def test_a_second_ctrl_c_stops_at_once(asked: bool) -> None:
    with pytest.raises(KeyboardInterrupt), Signals() as signals:
        signal.raise_signal(signal.SIGINT)
        if asked:
            assert signals.ask() == signal.SIGINT  # it is saving now
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_receive_no_signals() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def run() -> None:
        with Signals() as signals:
            seen.extend([signal.getsignal(signal.SIGTERM), signals.ask()])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before, NONE]


def test_processes_follow_a_signal_after_the_same_step(tmp_path: Any) -> None:
    spawn(_run, (2, str(tmp_path)), nprocs=2)
    first, second = ((tmp_path / f"{rank}").read_text() for rank in range(2))
    assert first == second == "0 0 0 10 0 15"


def _run(rank: int, size: int, folder: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answers = []
    with join(rank, size, folder), Signals(dist.new_group(backend="gloo")) as signals:
        for step in range(6):
            if rank == 0 and step == 2:
                signal.raise_signal(signal.SIGUSR1)
            if step == 4:
                signal.raise_signal(signal.SIGTERM if rank else signal.SIGINT)
            answers.append(int(signals.ask()))
    with open(f"{folder}/{rank}", "w") as file:  # noqa: PTH123
        file.write(" ".join(map(str, answers)))
