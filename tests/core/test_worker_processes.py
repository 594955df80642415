"""Results in order, errors as themselves, and no worker that outlives its use."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.errors import ComponentError, ImageError, TrainingError
from bioclip_x.worker_processes import WorkerTraceback, run_tasks


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("it holds", lambda: None)


def work(task: int) -> tuple[int, int]:
    if task == 100:
        raise ImageError("broken.jpg: not an image")
    if task == 101:
        raise Unpicklable
    if task == 102:
        os.kill(os.getpid(), signal.SIGKILL)
    return task, os.getpid()


@pytest.mark.parametrize(("workers", "context"), [(0, None), (2, None), (3, "fork"), (1, "spawn")])
def test_results_come_in_order_from_as_many_processes(workers: int, context: str | None) -> None:
    results = list(run_tasks(work, range(20), workers=workers, ahead=4, context=context))
    assert [task for task, _ in results] == list(range(20))
    processes = {process for _, process in results}
    assert processes == {os.getpid()} if workers == 0 else len(processes) == workers and os.getpid() not in processes
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_arrives_as_itself(workers: int) -> None:
    results = run_tasks(work, [1, 100, 2], workers=workers, ahead=4)
    assert next(results)[0] == 1
    with pytest.raises(ImageError, match=r"^broken\.jpg: not an image$") as caught:
        next(results)
    if workers:
        assert isinstance(caught.value.__cause__, WorkerTraceback)
        assert "in work\n" in str(caught.value.__cause__), "where it was raised"
    assert not multiprocessing.active_children(), "workers end although the error is still at hand"


def test_an_error_that_cannot_be_sent_is_told() -> None:
    with pytest.raises(ComponentError, match=r"Unpicklable: .*it holds"):
        list(run_tasks(work, [101], workers=1, ahead=2))


def test_a_worker_that_dies_is_an_error_that_says_so() -> None:
    before = signal.getsignal(signal.SIGCHLD)
    with pytest.raises(TrainingError, match=r"was killed by SIGKILL; is the memory full.*Lower workers or batch_size"):
        list(run_tasks(work, [1, 102, 2, 3], workers=1, ahead=2))
    assert signal.getsignal(signal.SIGCHLD) == before
    assert not multiprocessing.active_children()


def test_workers_leave_signals_to_the_main_process() -> None:
    results = run_tasks(work, range(40), workers=2, ahead=4)
    next(results)
    workers = [one.pid for one in multiprocessing.active_children()]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        for worker in workers:
            assert worker is not None
            os.kill(worker, number)
    assert [task for task, _ in results] == list(range(1, 40))


def test_workers_end_when_their_results_are_no_longer_wanted() -> None:
    results = run_tasks(work, range(1000), workers=2, ahead=4)
    next(results)
    assert len(multiprocessing.active_children()) == 2
    results.close()
    assert not multiprocessing.active_children()


def test_workers_do_not_change_the_random_state() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    list(run_tasks(work, range(3), workers=1, ahead=2))
    torch.testing.assert_close(torch.rand(2), expected, rtol=0, atol=0)


SCRIPT = """
import os, signal, sys
from bioclip_x.worker_processes import run_tasks

def work(task):
    return os.getpid()

if __name__ == "__main__":
    results = run_tasks(work, range(1000), workers=2, ahead=4, context=sys.argv[2])
    print(*{next(results) for _ in range(8)}, flush=True)
    if sys.argv[1] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[1] == "raise":
        raise SystemExit("the end")
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat: Any = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("end", "status", "context"),
    [("kill", -9, "fork"), ("kill", -9, "forkserver"), ("raise", 1, "fork"), ("finish", 0, "fork")],
)
def test_workers_end_with_their_program(tmp_path: Path, end: str, status: int, context: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, end, context], stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == status
    workers = [int(word) for word in done.stdout.split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 30  # those of a killed program look after it every five seconds
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_alive, workers))
