"""Writes files atomically: a file appears under its name only when it is complete."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from bioclip_x.errors import BioclipXError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be deleted
    fcntl = None  # type: ignore[assignment]

PARTIAL: Final = ".partial"
"""Suffix of an output that is not complete."""

_NOT_SUPPORTED: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)
"""What file systems without an operation answer: CIFS, exFAT, FUSE. A full disk or a failing one answers otherwise."""


@contextmanager
def open_replacement(path: Path, mode: str = "w", *, keep_partial: bool = False) -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path`; moves it to `path` when the block succeeds, and deletes it otherwise.

    A symbolic link is kept and its target replaced. A pipe, a device or a stream of this process is written directly.
    Temporary files of processes that were killed are deleted.

    keep_partial: writes to `path` + ".partial", which stays if the block fails: for the output of a long run. Raises
        BioclipXError if another process is writing it.
    """
    how: dict[str, Any] = {"mode": mode} if "b" in mode else {"mode": mode, "encoding": "utf-8", "newline": ""}
    if is_written_in_place(path):
        # Append: /dev/stdout may be a file to which the shell appends.
        with path.open(**how | {"mode": mode.replace("w", "a")}) as stream:
            yield stream
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    if keep_partial:
        temporary, descriptor = _open_partial(path)
    else:
        _delete_abandoned(path)
        temporary, descriptor = _open_temporary(path)
    try:
        with open(descriptor, **how) as handle:  # noqa: PTH123 - a descriptor
            yield handle
            handle.flush()
            sync(descriptor)
            # Temporary files are private; give the result the permissions of a new file. A nicety: CIFS refuses it.
            with suppress(OSError):
                temporary.chmod(0o666 & ~_read_umask())
            if fcntl:  # Windows cannot move an open file; elsewhere the lock is kept to the end
                temporary.replace(path)
        if not fcntl:
            temporary.replace(path)
    except BaseException:
        if not (keep_partial and _has_content(temporary)):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def is_written_in_place(path: Path) -> bool:
    """Whether a path is a pipe, a device or a stream of this process (/dev/stdout, even if it is a file)."""
    is_stream = path.is_symlink() and path.absolute().parts[1:2] in (("dev",), ("proc",))
    return is_stream or (path.exists() and not path.is_file())


def sync(descriptor: int) -> None:
    """Waits until an open file is on the disk, where the file system can tell. Raises OSError if writing failed."""
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in _NOT_SUPPORTED:
            raise


def lock(descriptor: int) -> bool:
    """Locks an open file until it is closed. Returns whether no other process holds the lock; True where locks do not exist."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Makes a new or moved file in a folder durable. A nicety: some systems cannot open a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_partial(path: Path) -> tuple[Path, int]:
    temporary = path.with_name(path.name + PARTIAL)
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600)
    if not lock(descriptor):
        os.close(descriptor)
        raise BioclipXError(f"{path} is being written by another run; wait for it, or name another output")
    os.ftruncate(descriptor, 0)
    return temporary, descriptor


def _open_temporary(path: Path) -> tuple[Path, int]:
    while True:
        descriptor, name = tempfile.mkstemp(".tmp", _make_prefix(path), path.parent)
        # Another process that looks for abandoned files may hold the lock for a moment, and delete this one.
        if lock(descriptor) and os.fstat(descriptor).st_nlink:
            return Path(name), descriptor
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _make_prefix(path: Path) -> str:
    return f".{path.name[:100]}."  # names have at most 255 bytes


def _delete_abandoned(path: Path) -> None:
    """Deletes the temporary files that killed processes left for `path`. Those of running processes are locked."""
    prefix = _make_prefix(path)
    with suppress(OSError):
        for old in path.parent.iterdir():
            if old.name.startswith(prefix) and old.suffix == ".tmp":
                with suppress(OSError), old.open("rb") as file:
                    if lock(file.fileno()):
                        old.unlink()


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
