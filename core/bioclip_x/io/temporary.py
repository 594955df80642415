"""Files and folders that appear only when complete, without leftovers: a run that was killed is cleaned up after by the next.

The temporary file lies beside its target, named `.NAME.XXXXXXXX.tmp`, and is locked while its run lives.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from bioclip_x.io.journal import lock, sync

SUFFIX: Final = ".tmp"
ABANDONED_AFTER: Final = 86400.0
"""Seconds without a change after which a temporary file is abandoned, where its file system has no locks."""


@contextmanager
def open_temporary(target: Path) -> Iterator[IO[bytes]]:
    """Opens a temporary file beside `target`, for reading and writing; moves it there when the block succeeds.

    Otherwise deletes it. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(SUFFIX, f".{target.name}.", target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb+") as stream:
            with suppress(BlockingIOError):  # a sweep is just looking at it
                lock(descriptor)
            yield stream
            stream.flush()
            sync(descriptor)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def fill_folder(target: Path) -> Iterator[Path]:
    """Provides a temporary folder beside `target`; moves it there, replacing a folder, when the block succeeds.

    Otherwise deletes it. Raises OSError, also where another process puts its own folder there at the same moment.
    """
    temporary = Path(tempfile.mkdtemp(SUFFIX, f".{target.name}.", target.parent))
    try:
        with _hold(temporary):
            yield temporary
            shutil.rmtree(target, ignore_errors=True)
            temporary.replace(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sweep(folder: Path) -> None:
    """Deletes the temporary files and folders in `folder` that a dead run has left there. Never raises OSError."""
    with suppress(OSError):
        for path in list(folder.glob(f".*{SUFFIX}")):
            if is_abandoned(path):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        path.unlink()


def is_abandoned(path: Path) -> bool:
    """Whether no live process holds a temporary file or folder; by its age, where that cannot be found out."""
    try:
        with _hold(path) as is_held:
            return is_held or time.time() - path.stat().st_mtime > ABANDONED_AFTER
    except OSError:  # it is locked, or gone
        return False


@contextmanager
def _hold(path: Path) -> Iterator[bool]:
    """Locks a file or folder for the block. Yields False without locks. Raises BlockingIOError if it is locked."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield lock(descriptor)
    finally:
        os.close(descriptor)
