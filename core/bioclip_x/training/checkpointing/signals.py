"""Signals during training: SIGTERM and Ctrl-C save and stop, SIGUSR1 saves and goes on.

A handler only notes the signal; the loop asks for it between two steps, when the state is that of a completed step. Over
several processes a signal may reach one of them, or each during another step, and all must save after the same one. They
agree by one byte each, reduced in the background while the next step runs.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final

import torch
import torch.distributed as dist

NONE: Final = 0
SAVE: Final[int] = getattr(signal, "SIGUSR1", -1)
"""The signal that saves and goes on; -1 where the system has none."""
STOP: Final[tuple[int, ...]] = (signal.SIGINT, signal.SIGTERM)
"""The signals that save and stop."""
_BY_WEIGHT: Final = (NONE, SAVE, *STOP)
"""If processes got different signals, the last of these is followed."""


class Signals:
    """The signals of a run, while it is a context. They are left alone outside of the main thread.

    group: the processes that must agree, a group with a CPU backend (gloo); None for a single process.
    """

    def __init__(self, group: dist.ProcessGroup | None = None) -> None:
        self._group = group
        self._received, self._is_stopping = NONE, False
        self._before: dict[int, Any] = {}
        self._pending: tuple[dist.Work, torch.Tensor] | None = None

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for one in _list_signals():
                self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        self._restore()
        if kind is not None:
            return  # another process may have ended, and would be waited for in vain
        agreed = self._take() if self._pending else NONE
        for received in (agreed, self._received):  # too late for a step, as the last one is saved
            if received in STOP:
                self.leave(received)

    def ask(self) -> int:
        """Returns the signal to follow after this step: `NONE`, `SAVE` or one of `STOP`.

        Called by all processes after each step, and the same for all. Over several processes it is what they had received
        a step ago.
        """
        received, self._received = self._received, NONE
        if self._group is None:
            return received
        agreed = self._take() if self._pending else NONE
        mine = torch.tensor([_BY_WEIGHT.index(received)], dtype=torch.uint8)
        work = dist.all_reduce(mine, dist.ReduceOp.MAX, group=self._group, async_op=True)
        assert work is not None  # this process is a member of the group
        self._pending = work, mine
        return agreed

    def request_save(self) -> None:
        """Asks for a checkpoint after this step, as `SAVE` does, for a hook that one process calls."""
        self._received = max(self._received, SAVE, key=_BY_WEIGHT.index)

    def leave(self, received: int) -> None:
        """Ends the program as the signal does without this context: SIGINT raises KeyboardInterrupt."""
        self._restore()
        signal.raise_signal(received)

    def _take(self) -> int:
        assert self._pending
        work, agreed = self._pending
        self._pending = None
        work.wait()
        return _BY_WEIGHT[int(agreed)]

    def _note(self, received: int, frame: FrameType | None) -> None:
        """Notes a signal. A second one that stops does so at once, saved or not."""
        if received in STOP:
            if self._is_stopping:
                self.leave(received)
            self._is_stopping = True
        self._received = max(self._received, received, key=_BY_WEIGHT.index)

    def _restore(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}


def _list_signals() -> tuple[int, ...]:
    return STOP if SAVE == -1 else (*STOP, SAVE)
