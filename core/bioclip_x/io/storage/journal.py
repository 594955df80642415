"""An append-only file of finished work, from which an interrupted run continues.

The first line is a JSON object that identifies the run: its header. Records follow, each as its length and its CRC-32 (two
little-endian uint32) and its bytes. A run that is killed, loses power or fills the disk leaves at most a torn end, which is
cut off when the journal is opened again. Bytes that were written survive the process at once, and the machine after the
next sync.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Literal

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.disk import lock, sync, sync_folder, write_all
from bioclip_x.limits import JOURNAL_HEADER_BYTES

MAGIC: Final = "bioclip-x journal 1"
SYNC_EVERY: Final = 1.0
"""Seconds between two syncs: the work that a power failure may cost."""

Replaced = Literal["nothing", "another run", "anything"]

_PREFIX: Final = struct.Struct("<II")


class Journal:
    """A journal open for appending; made by `Journal.open`. A context manager that closes it and keeps the file.

    path: the file. count: number of records. torn: bytes of an incomplete end that were cut off.
    """

    def __init__(self, path: Path, handle: IO[bytes], start: int, end: int, count: int, torn: int) -> None:
        self.path, self.count, self.torn = path, count, torn
        self._handle, self._start, self._end = handle, start, end
        self._synced_at = time.monotonic()

    @classmethod
    def open(
        cls, path: Path, header: Mapping[str, Any], *, replace: Replaced = "nothing"
    ) -> tuple[Journal, Iterator[bytes]]:
        """Opens or creates the journal of a run, and returns it with its records, which are read lazily.

        header: whatever the records depend on, as JSON. replace: what is emptied instead of raising an error: the journal of
        another run that has ended, or also a file that is no journal.

        Raises BioclipXError where the journal is of a run with another header (saying which fields differ), is being written by
        another process, or cannot be read or written, and where the file is something else.
        """
        wanted = json.loads(json.dumps(header))
        line = json.dumps({"journal": MAGIC, "header": wanted}).encode() + b"\n"
        handle: IO[bytes] | None = None
        is_new = False
        try:
            handle = _open_locked(path)
            if not _has_header(path, line, wanted, replace):
                is_new = True
                handle.truncate(0)
                write_all(handle, line)
            size = handle.seek(0, os.SEEK_END)
            with path.open("rb") as stream:
                start = len(stream.readline())
                count, end = _scan(stream, start, size)
            handle.truncate(end)
            sync(handle.fileno())
            sync_folder(path.parent)
        except BaseException as problem:
            if handle is not None:
                if is_new:
                    with suppress(OSError):  # Windows deletes no file that is open
                        path.unlink()
                handle.close()
            if isinstance(problem, BlockingIOError):
                raise BioclipXError(f"{path} is being written by another run; wait for it, or stop it") from None
            if isinstance(problem, OSError):
                raise BioclipXError(f"{path} cannot be written: {problem.strerror or problem}") from problem
            raise
        journal = cls(path, handle, start, end, count, size - end)
        return journal, journal.records()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, record: bytes) -> None:
        """Appends a record. Raises BioclipXError where it cannot be written; the records before it are kept."""
        try:
            write_all(self._handle, _PREFIX.pack(len(record), zlib.crc32(record)) + record)
            self._end += _PREFIX.size + len(record)
            self.count += 1
            if time.monotonic() - self._synced_at >= SYNC_EVERY:
                self.sync()
        except OSError as problem:
            with suppress(OSError):  # a torn record is cut off by the next run, if not here
                self._handle.truncate(self._end)
            kept = "; what is done is kept there" if self.count else ""
            raise BioclipXError(f"{self.path} cannot be written: {problem.strerror or problem}{kept}") from problem

    def records(self) -> Iterator[bytes]:
        """Yields the records from the first on, one in memory at a time, those appended meanwhile included."""
        return (record for _, record in self.items())

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Yields each record with its place in the file, for `read` and `truncate`."""
        with self.path.open("rb") as stream:
            stream.seek(self._start)
            while (place := stream.tell()) < self._end:
                yield place, _read_record(stream)

    def read(self, place: int) -> bytes:
        """Reads the record at a place."""
        with self.path.open("rb") as stream:
            stream.seek(place)
            return _read_record(stream)

    def truncate(self, place: int, count: int) -> None:
        """Drops the records from a place on, which leaves `count`. Raises OSError."""
        self._handle.truncate(place)
        self._end, self.count = place, count

    def sync(self) -> None:
        """Has the records written to the disk. Raises OSError."""
        self._synced_at = time.monotonic()
        sync(self._handle.fileno())

    def close(self) -> None:
        """Syncs and closes the file. Its records can still be read."""
        if not self._handle.closed:
            with suppress(OSError):  # the records are written; only a power failure could still cost them
                self.sync()
            self._handle.close()

    def delete(self) -> None:
        """Closes the file and deletes it."""
        with suppress(OSError):  # while it is locked, so that no other run has begun to use it; Windows refuses
            self.path.unlink()
            self._handle.close()
            return
        self.close()
        self.path.unlink(missing_ok=True)


def start_journal(path: Path, header: Mapping[str, Any], *, resume: bool) -> tuple[Journal, Iterator[bytes]]:
    """Opens the journal of a run as `Journal.open` does.

    Without `resume`, the journal of another run is replaced, and that of an interrupted run with the same header raises
    BioclipXError, so that finished work is not thrown away.
    """
    journal, records = Journal.open(path, header, replace="nothing" if resume else "another run")
    if journal.count and not resume:
        journal.close()
        raise BioclipXError(
            f"{path} holds the work of an interrupted run with the same recipe; go on with --resume, or delete the file to "
            "start anew"
        )
    return journal, records


def read_header(path: Path) -> Any:
    """Reads the header of a journal; None if there is none: no such file, no journal, a first line that was never completed."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.readline(JOURNAL_HEADER_BYTES))
        return document["header"] if document["journal"] == MAGIC else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def describe_differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Names the fields in which two headers differ, with both values.

    >>> describe_differences({"model": "a", "recipe": {"text": "x"}}, {"model": "b", "recipe": {"text": "x"}})
    ["model was 'a' and is 'b'"]
    """
    differences: list[str] = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            differences += describe_differences(old, new, f"{prefix}{name}.")
        elif old != new:
            differences.append(f"{prefix}{name} was {_shorten(old)} and is {_shorten(new)}")
    return differences


def _open_locked(path: Path) -> IO[bytes]:
    """Opens a file for reading and appending, and locks it. Raises BioclipXError for a folder or pipe, and OSError."""
    while True:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise BioclipXError(f"{path} is no file; move it away")
        handle = path.open("ab+", buffering=0)
        try:
            lock(handle.fileno())
            # Another run may have deleted the file between the two lines above.
            if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                return handle
        except BaseException:
            handle.close()
            raise
        handle.close()


def _has_header(path: Path, line: bytes, wanted: Mapping[str, Any], replace: Replaced) -> bool:
    """Whether the file has this header; False for one to be begun: a new one, one whose first line was never completed, and
    what is to be replaced.
    """
    with path.open("rb") as stream:
        first = stream.readline(JOURNAL_HEADER_BYTES)
    if not first.strip(b"\0") or (line.startswith(first) and first != line):
        return False
    try:
        document = json.loads(first)
        if document["journal"] != MAGIC:
            raise ValueError
        found = document["header"]
        if not isinstance(found, Mapping):
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError):
        if replace == "anything":
            return False
        raise BioclipXError(f"{path} is no journal of an interrupted run; move it away") from None
    if found != wanted and replace != "nothing":
        return False
    if differences := describe_differences(found, wanted):
        raise BioclipXError(
            f"{path} is of another run: {'; '.join(differences)}. Repeat that run to complete it, or delete the file"
        )
    return True


def _scan(stream: IO[bytes], start: int, size: int) -> tuple[int, int]:
    """Returns the number of intact records from `start` on, and where the last one ends."""
    count, end = 0, start
    while len(prefix := stream.read(_PREFIX.size)) == _PREFIX.size:
        length, checksum = _PREFIX.unpack(prefix)
        if length > size - end - _PREFIX.size or zlib.crc32(stream.read(length)) != checksum:
            break
        count, end = count + 1, end + _PREFIX.size + length
    return count, end


def _read_record(stream: IO[bytes]) -> bytes:
    length, _ = _PREFIX.unpack(stream.read(_PREFIX.size))
    return stream.read(length)


def _shorten(value: Any, most: int = 80) -> str:
    shown = repr(value)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
