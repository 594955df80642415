"""What file systems offer beyond reading and writing: locks and durable writes. Some network and removable drives lack them."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be deleted
    fcntl = None  # type: ignore[assignment]

_NO_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS, errno.EPERM})
_NO_LOCKS: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EBADF})


def lock(descriptor: int) -> bool:
    """Locks an open file or folder until it is closed or the process ends. Returns False where there are no locks.

    Raises BlockingIOError where another process holds the lock.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as problem:
        if problem.errno not in _NO_LOCKS:
            raise
        return False
    return True


def sync(descriptor: int) -> None:
    """Waits until an open file is on the disk, where the file system can tell. Raises OSError if writing failed."""
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Makes a new or moved file in a folder durable. A nicety: some systems cannot open a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_all(handle: IO[bytes], raw: bytes) -> None:
    """Writes all of `raw`: an unbuffered write may be partial (a nearly full disk); the next one continues or raises."""
    rest = memoryview(raw)
    while rest:
        rest = rest[handle.write(rest) :]
