"""Reads what is written to a pipe: whole, once, and no longer than the limits say."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from bioclip_x.errors import ImageError
from bioclip_x.limits import PIPE_SECONDS, PIPED_IMAGE_BYTES

_PART = 1 << 20


def is_pipe(path: Path) -> bool:
    """Whether a path is a pipe: a FIFO, or a process substitution of a shell, `<(cat a.jpg)`."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def read_pipe(path: Path) -> bytes:
    """Reads a pipe to its end. Raises ImageError where nothing is written for PIPE_SECONDS, and for too many bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # blocking, it would wait for a writer for ever
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    parts: list[bytes] = []
    total = 0
    until = time.monotonic() + PIPE_SECONDS
    while poll.poll(max(0, round(1000 * (until - time.monotonic())))):
        part = os.read(descriptor, _PART)
        if not part:
            return b"".join(parts)
        parts.append(part)
        total += len(part)
        if total > PIPED_IMAGE_BYTES:
            raise ImageError(f"too large: more than {PIPED_IMAGE_BYTES:,} bytes in a pipe")
        until = time.monotonic() + PIPE_SECONDS
    raise ImageError(f"a pipe to which nothing was written for {PIPE_SECONDS:g} s")
