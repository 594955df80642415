"""Files and folders that appear only when complete, without leftovers: a run that was killed is cleaned up after by the next.

The temporary file lies beside its target, named `.NAME.XXXXXXXX.tmp`, and is locked while its run lives.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from bioclip_x.io.storage.disk import lock, sync, sync_folder

SUFFIX: Final = ".tmp"
ABANDONED_AFTER: Final = 86400.0
"""Seconds without a change after which a temporary file is abandoned, where its file system has no locks."""

MOST_TRIES: Final = 10
"""How often a folder is moved to a place in which other processes write."""


def move_into_place(temporary: Path, target: Path) -> None:
    """Moves a complete file to its name, with the permissions of a new file. Raises OSError if it cannot be moved."""
    with suppress(OSError):  # a nicety, which CIFS and exFAT refuse
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
    temporary.replace(target)
    sync_folder(target.parent)


@contextmanager
def open_temporary(target: Path, move: Callable[[Path, Path], None] = move_into_place) -> Iterator[IO[bytes]]:
    """Opens a temporary file beside `target`, for reading and writing; moves it there when the block succeeds.

    Otherwise deletes it. move: called with the complete file and the target. Raises OSError.
    """
    temporary, descriptor = _create(target)
    try:
        with os.fdopen(descriptor, "wb+") as stream:
            yield stream
            stream.flush()
            sync(descriptor)
        move(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def fill_folder(target: Path) -> Iterator[Path]:
    """Provides a temporary folder beside `target`; moves it there, replacing a folder, when the block succeeds.

    Otherwise deletes it. A file or a link in its place is deleted. Raises OSError.
    """
    temporary = Path(tempfile.mkdtemp(SUFFIX, _make_prefix(target), target.parent))
    try:
        with _hold(temporary):
            yield temporary
            _replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sweep(folder: Path, target: Path | None = None) -> None:
    """Deletes the temporary files and folders in `folder` that dead runs have left there. Never raises OSError.

    target: only those of this file.
    """
    prefix = _make_prefix(target) if target else "."
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name.startswith(prefix) and path.suffix == SUFFIX:
                _delete_abandoned(path)


def _replace(temporary: Path, target: Path) -> None:
    """Moves a folder to its name. Other processes may put files or folders of their own there at the same moment."""
    for tries_left in reversed(range(MOST_TRIES)):
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
        try:
            temporary.replace(target)
            return
        except OSError as problem:
            if not tries_left or problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise


def _create(target: Path) -> tuple[Path, int]:
    """Creates and locks a temporary file. Returns it and its descriptor."""
    while True:
        descriptor, name = tempfile.mkstemp(SUFFIX, _make_prefix(target), target.parent)
        with suppress(BlockingIOError):  # another process that sweeps holds it, and deletes it
            lock(descriptor)
            if os.fstat(descriptor).st_nlink:
                return Path(name), descriptor
        os.close(descriptor)


def _make_prefix(target: Path) -> str:
    return f".{target.name[:100]}."  # names have at most 255 bytes


def _delete_abandoned(path: Path) -> None:
    """Deletes a temporary file or folder that no live process holds; by its age, where that cannot be found out."""
    with suppress(OSError), _hold(path) as is_held:  # it is locked, or gone
        if is_held or time.time() - path.stat().st_mtime > ABANDONED_AFTER:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


@contextmanager
def _hold(path: Path) -> Iterator[bool]:
    """Locks a file or folder for the block. Yields False without locks. Raises BlockingIOError if it is locked."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield lock(descriptor)
    finally:
        os.close(descriptor)
