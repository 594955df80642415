"""Writes files atomically: a file appears under its name only when it is complete."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.disk import lock, sync
from bioclip_x.io.storage.temporary import move_into_place, open_temporary, sweep

PARTIAL: Final = ".partial"
"""Suffix of an output that is not complete."""
LONGEST_SHOWN: Final = 120
"""Characters of a path in an error."""


@contextmanager
def open_replacement(path: Path, mode: str = "w", *, keep_partial: bool = False) -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path`; moves it to `path` when the block succeeds, and deletes it otherwise.

    A symbolic link is kept and its target replaced. A pipe, a device or a stream of this process is written directly.
    Temporary files of processes that were killed are deleted.

    mode: "w" for text in UTF-8, "wb" for bytes. keep_partial: writes to `path` + ".partial", which stays if the block fails:
        for the output of a long run. Raises BioclipXError if another process is writing it.
    """
    if is_written_in_place(path):
        # Append: /dev/stdout may be a file to which the shell appends.
        encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
        with path.open(mode.replace("w", "a"), encoding=encoding, newline=newline) as stream:
            yield stream
        return
    refuse_impossible_name(path)
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path)
    with _open_partial(path) if keep_partial else open_temporary(path) as raw:
        if "b" in mode:
            yield raw
            return
        text = io.TextIOWrapper(raw, "utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()  # writes what it holds, and leaves the file open


def is_written_in_place(path: Path) -> bool:
    """Whether a path is a pipe, a device or a stream of this process (/dev/stdout, even if it is a file)."""
    try:
        is_stream = path.is_symlink() and path.absolute().parts[1:2] in (("dev",), ("proc",))
        return is_stream or (path.exists() and not path.is_file())
    except OSError:  # a name that is too long
        return False


def refuse_impossible_name(path: Path) -> None:
    """Raises BioclipXError for an output that no file can be called: too long, or with a NUL character."""
    try:
        os.lstat(path)
    except ValueError:
        raise BioclipXError(f"{_shorten(path)} cannot be written: a file's name has no NUL character") from None
    except OSError as problem:
        if problem.errno == errno.ENAMETOOLONG:
            raise BioclipXError(f"{_shorten(path)} cannot be written: {problem.strerror}") from None


def _shorten(path: Path) -> str:
    name = str(path)
    return name if len(name) <= LONGEST_SHOWN else f"{name[: LONGEST_SHOWN - 1]}…"


@contextmanager
def _open_partial(path: Path) -> Iterator[IO[bytes]]:
    """Opens `path` + ".partial"; moves it to `path` when the block succeeds. Otherwise it stays, unless it is empty."""
    partial = path.with_name(path.name + PARTIAL)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb+") as stream:
        try:
            lock(descriptor)
        except BlockingIOError:
            message = f"{path} is being written by another run; wait for it, or name another output"
            raise BioclipXError(message) from None
        try:
            os.ftruncate(descriptor, 0)
            yield stream
            stream.flush()
            sync(descriptor)
        except BaseException:
            with suppress(OSError):
                stream.flush()
            if not os.fstat(descriptor).st_size:
                partial.unlink()
            raise
    move_into_place(partial, path)
