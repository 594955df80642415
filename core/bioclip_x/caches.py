"""The cache folder: what can be recomputed, within a limit, and never needed.

Below the cache folder lies a folder for each kind of entry (`banks`, `taxonomies`, …), marked with a CACHEDIR.TAG
(https://bford.info/cachedir/), and in it the entries: files and folders. An entry's time is that of its last use. Where the
entries take more than the limit of the user's settings, those that were used least recently are deleted. What is read back was
written with a checksum (`io/storage/seals.py`); what does not match it is made anew.

The functions that write raise OSError where the folder is read-only or full; callers go on without the cache.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.io.storage.seals import open_sealed, seal
from bioclip_x.io.storage.temporary import fill_folder, open_temporary, sweep
from bioclip_x.settings import find_cache_folder, find_cache_limit

TAG: Final = "CACHEDIR.TAG"
TAG_TEXT: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache of bioclip-x: it can be deleted at any time. `bioclip-x cache clear` does so.\n"
)


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A file or folder of the cache. used_at: seconds since the epoch."""

    kind: str
    path: Path
    n_bytes: int
    used_at: float


@contextmanager
def open_cache_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file of the cache for writing and reading; it appears when the block succeeds. Raises OSError."""
    with _make_room(path), open_temporary(path) as stream:
        yield stream
        clear_place(path)


@contextmanager
def fill_cache_folder(path: Path) -> Iterator[Path]:
    """Provides a temporary folder that becomes the entry `path` when the block succeeds. Raises OSError."""
    with _make_room(path), fill_folder(path) as folder:
        yield folder


def mark_used(path: Path) -> None:
    """Records the use of an entry, or of a file in it, and sweeps away what dead runs have left beside it."""
    entry = _find_entry(path)
    if _is_counted(entry):
        with suppress(OSError):
            os.utime(entry)
    _sweep_once(entry.parent)


def load_or_fill(
    path: Path | None, shape: tuple[int, ...], dtype: npt.DTypeLike, fill: Callable[[npt.NDArray[Any]], object]
) -> npt.NDArray[Any]:
    """Maps the array of the file `path` into memory, copy-on-write. Where it is missing or damaged, `fill` fills it first.

    Without `path`, and where the file cannot be written, the array is in memory only.
    """
    stored = open_array(path, shape, dtype) if path else None
    if stored is None and path:
        with suppress(OSError), open_cache_file(path) as stream:
            fill_array(stream, shape, dtype, fill)
        stored = open_array(path, shape, dtype)
    if stored is None:
        stored = np.empty(shape, dtype)
        fill(stored)
    return stored


def fill_array(
    stream: IO[bytes], shape: tuple[int, ...], dtype: npt.DTypeLike, fill: Callable[[npt.NDArray[Any]], Any]
) -> Any:
    """Writes a .npy file as large as its array, has `fill` fill it in place, and seals it. Returns what `fill` returns.

    stream: open for reading and writing. Raises OSError where there is no room for it: writing to a mapped file on a full disk
    would kill the process.
    """
    stream.write(_make_header(shape, dtype))
    stream.flush()
    start = stream.tell()
    _reserve(stream, start, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    array = np.memmap(stream, dtype, "r+", start, shape) if all(shape) else np.empty(shape, dtype)
    result = fill(array)
    if isinstance(array, np.memmap):
        array.flush()
    seal(stream)
    return result


def open_array(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any] | None:
    """Maps an array that `fill_array` wrote, copy-on-write, since torch needs writable memory.

    None if it is missing, damaged or another. The whole file is read for its checksum, a gigabyte in 0.4 s.
    """
    header = _make_header(shape, dtype)
    try:
        with open_sealed(path) as (stream, length):
            if stream.read(len(header)) != header:
                return None
            array = np.empty(shape, dtype) if not all(shape) else np.memmap(stream, dtype, "c", len(header), shape)
            if length != len(header) + array.nbytes:
                return None
    except (OSError, ValueError):
        return None
    mark_used(path)
    return array


def clear_place(path: Path) -> None:
    """Deletes what stands in the place of a file and is none: a folder, a pipe, a link that leads nowhere."""
    try:
        mode = path.lstat().st_mode  # once: other processes may put a file there
    except OSError:
        return
    if not stat.S_ISREG(mode) and not (stat.S_ISLNK(mode) and path.is_file()):
        _delete(path)


def list_entries() -> list[CacheEntry]:
    """Lists the entries of all kinds, the one used least recently first."""
    entries: list[CacheEntry] = []
    with suppress(OSError):  # there is no cache folder
        for kind in filter(_is_cache, find_cache_folder().iterdir()):
            for path in filter(_is_entry, kind.iterdir()):
                with suppress(OSError):  # another process is deleting it
                    entries.append(_measure(path))
    return sorted(entries, key=lambda entry: entry.used_at)


def clear(kind: str | None = None) -> list[CacheEntry]:
    """Deletes all entries, or those of one kind, and what dead runs have left. Returns those that were deleted."""
    entries = [entry for entry in list_entries() if kind in (None, entry.kind)]
    for folder in {entry.path.parent for entry in entries}:
        sweep(folder)
    return [entry for entry in entries if _delete(entry.path)]


def keep_within_limit(kept: Path) -> None:
    """Deletes the entries used least recently until the others are within the user's limit; never `kept`."""
    entries = list_entries()
    excess = sum(entry.n_bytes for entry in entries) - find_cache_limit()
    for entry in entries:
        if excess > 0 and entry.path != kept and _delete(entry.path):
            excess -= entry.n_bytes


def prepare(path: Path) -> None:
    """Makes the folder for a new file of the cache, and sweeps away what dead runs have left there. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = _find_entry(path)
    if _is_counted(entry) and not (entry.parent / TAG).exists():
        (entry.parent / TAG).write_text(TAG_TEXT)
    _sweep_once(entry.parent)


@contextmanager
def _make_room(path: Path) -> Iterator[None]:
    prepare(path)
    yield
    if _is_counted(_find_entry(path)):
        keep_within_limit(_find_entry(path))


def _find_entry(path: Path) -> Path:
    """Returns the entry that a file belongs to: what lies two folders below the cache folder."""
    root = find_cache_folder()
    parts = path.relative_to(root).parts if root in path.parents else ()
    return root.joinpath(*parts[:2]) if len(parts) > 1 else path


def _is_counted(entry: Path) -> bool:
    """Whether an entry lies in the user's cache folder, and not in a folder that the caller chose."""
    return entry.parent.parent == find_cache_folder()


@cache
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def _is_cache(folder: Path) -> bool:
    tag = folder / TAG
    return tag.is_file() and tag.read_text("utf-8", "replace") == TAG_TEXT


def _is_entry(path: Path) -> bool:
    return path.name != TAG and not path.name.startswith(".")


def _measure(path: Path) -> CacheEntry:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return CacheEntry(path.parent.name, path, sum(file.stat().st_size for file in files), path.stat().st_mtime)


def _delete(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:  # in use on Windows, of another user, or gone already
        return False
    return True


def _make_header(shape: tuple[int, ...], dtype: npt.DTypeLike) -> bytes:
    """Returns the beginning of a .npy file."""
    header = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue()


def _reserve(stream: IO[bytes], start: int, n_bytes: int) -> None:
    """Makes a file longer by bytes that really exist. Raises OSError where there is no room."""
    if n_bytes and hasattr(os, "posix_fallocate"):
        with suppress(OSError):
            os.posix_fallocate(stream.fileno(), start, n_bytes)
            return
    stream.seek(start)
    for written in range(0, n_bytes, 1 << 20):  # also where the file system cannot reserve, or has no room left
        stream.write(bytes(min(1 << 20, n_bytes - written)))
    stream.flush()
    stream.seek(start)
