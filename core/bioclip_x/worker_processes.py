"""Runs tasks in worker processes, ahead of their use, with the results in order.

Workers leave signals to the main process. What a task raises is raised in the main process as itself; a worker that dies is
an error of the caller's kind. Workers end with the generator, and if the main process dies.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any, Final, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from bioclip_x.errors import BioclipXError, ComponentError, TrainingError
from bioclip_x.faults import summarise

T = TypeVar("T")
R = TypeVar("R")

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Signals that a scheduler or Ctrl-C sends to all processes of a run, and that only the main process acts on."""
PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What a task raised. traceback: in another process; "" in this one."""

    problem: Exception
    traceback: str


class WorkerTraceback(Exception):
    """The cause of an exception that was raised in a worker process: its traceback, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class Tried(Dataset[Any], Generic[T, R]):
    """A function of tasks that returns a Failure instead of raising."""

    function: Callable[[T], R]

    def __getitem__(self, task: T) -> R | Failure:
        try:
            return self.function(task)
        except Exception as problem:
            is_worker = get_worker_info() is not None
            return Failure(_make_picklable(problem), traceback.format_exc()) if is_worker else Failure(problem, "")


def run_tasks(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    workers: int,
    ahead: int,
    context: str | None = None,
    error: type[BioclipXError] = TrainingError,
) -> Generator[R, None, None]:
    """Yields the function's result for each task, in order.

    function: picklable, unless workers are forked. workers: the number of processes; 0 for this one. ahead: tasks that are
    done in advance. context: how processes are started ("fork", "spawn", "forkserver"); None: as is usual on the platform.
    error: raised where a worker dies.
    """
    others = set(multiprocessing.active_children())
    with _signals_blocked(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # more workers than cores: as was asked for
        loader = DataLoader(
            Tried(function),
            batch_size=None,
            sampler=tasks,
            num_workers=workers,
            collate_fn=_keep,
            worker_init_fn=start_worker,
            prefetch_factor=max(2, -(-ahead // workers)) if workers else None,
            multiprocessing_context=context if workers else None,
            generator=torch.Generator(),  # otherwise it draws from torch's own, and so changes a model's dropout
        )
        results: Iterator[R | Failure] = iter(loader)
    started = [one for one in multiprocessing.active_children() if one not in others]
    at_exit = partial(_end, started, patience=0)  # multiprocessing would wait for ever: workers ignore its SIGTERM
    atexit.register(at_exit)
    try:
        while True:
            died = ""
            try:
                result = next(results)
            except StopIteration:
                return
            except RuntimeError as problem:  # the tasks' own are Failures
                died = str(problem)
            if died:
                raise error(_explain_death(started, died))
            if isinstance(result, Failure):
                raise result.problem from (WorkerTraceback(result.traceback) if result.traceback else None)
            yield result
    except BaseException as problem:
        traceback.clear_frames(problem.__traceback__)  # which would keep the loader, and so its workers
        raise
    finally:
        del results
        _end(started)
        atexit.unregister(at_exit)


def start_worker(number: int) -> None:
    """Prepares a worker process."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    gc.freeze()  # the garbage collector would write to, and so copy, the memory that is shared with the main process


def _end_with(parent: Any) -> None:
    """Ends this process when the main one has ended: the loader looks at the parent, which may be a fork server that lives on."""
    parent.join()
    os._exit(1)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Starts processes without a moment in which a signal kills them, and keeps the handler of ended processes as it was.

    The loader's own handler raises wherever the main process happens to be; without it, `next` finds out.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        if handler is not None:  # None: one that was not set by Python
            signal.signal(signal.SIGCHLD, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(started: list[BaseProcess], patience: float = PATIENCE) -> None:
    """Kills the workers that have not ended, such as those that hang in a network drive. patience: seconds they have."""
    for one in started:
        one.join(patience)
        if one.is_alive():
            one.kill()
            one.join(PATIENCE)


def _explain_death(started: list[BaseProcess], reason: str) -> str:
    killed = sorted({-one.exitcode for one in started if one.exitcode and one.exitcode < 0})
    name = signal.Signals(killed[0]).name if killed else ""
    how = f"was killed by {name}" if name else f"ended: {reason}"
    if name == "SIGBUS":
        return f"workers: one {how}: the shared memory (/dev/shm) is full; enlarge it, or lower workers or batch_size"
    more = "; is the memory full? Lower workers or batch_size" if name in ("", "SIGKILL") else f": {reason}"
    return f"workers: one {how}{more}. With workers: 0, the main process does their work"


def _make_picklable(problem: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(problem))
    except Exception:
        return ComponentError(summarise(problem))
    return problem


def _keep(result: T) -> T:
    return result
