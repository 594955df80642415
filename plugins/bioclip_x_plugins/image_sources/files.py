"""Lists the image files of a folder, and compares them with those that metadata name.

Legend: n paths, k files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bioclip_x.plugin import DatasetError, escape_surrogates, is_left_out, leaves_folder
from bioclip_x_plugins.image_sources.accounting import NO_ROW, TABLE_ROWS, find, hash_texts, make_table

SUFFIXES: Final = (
    ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".avif", ".jp2", ".jxl",
)  # fmt: skip
"""Of files that are images, where no metadata name them."""


def require_file(path: Path, what: str) -> Path:
    """Raises DatasetError for a file that is missing."""
    if not path.is_file():
        raise DatasetError(f"{what}: the file {path} {'is a folder' if path.is_dir() else 'does not exist'}")
    return path


def require_folder(path: Path, what: str) -> Path:
    """Raises DatasetError for a folder that is missing."""
    if not path.is_dir():
        raise DatasetError(f"{what}: the folder {path} {'is a file' if path.exists() else 'does not exist'}")
    return path


def make_revision(files: Iterable[Path], folders: Iterable[Path] = ()) -> str:
    """Returns a digest of the files' names, sizes and times, and of the times of all folders below `folders`.

    A folder's time changes when a file is added to it or removed.
    """
    digest = hashlib.sha256()
    for path in files:
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    for folder in folders:
        for place, below, _ in os.walk(folder, onerror=_refuse):
            below[:] = sorted(name for name in below if not is_left_out(name))
            digest.update(f"{place}\0{Path(place).stat().st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _refuse(problem: OSError) -> None:
    raise DatasetError(f"the folder {problem.filename} cannot be read: {problem.strerror}") from problem


def list_images(root: Path, suffixes: Sequence[str] = SUFFIXES) -> Iterator[str]:
    """Yields the paths of image files below a folder, relative to it, with "/", sorted within each folder.

    Raises DatasetError for a folder that cannot be read.
    """
    for place, below, files in os.walk(root, onerror=_refuse):
        below[:] = sorted(name for name in below if not is_left_out(name))
        relative = Path(place).relative_to(root).as_posix()
        for name in sorted(files):
            if name.lower().endswith(tuple(suffixes)) and not name.startswith("."):
                yield name if relative == "." else f"{relative}/{name}"


class Listing:
    """The image files of a folder, of which those that metadata name are ticked off. It takes 9 bytes per file.

    below: of these subfolders only, by default of all.
    """

    def __init__(self, root: Path, below: Sequence[str] = ("",)) -> None:
        self._root, self._below = root, below
        self._hash_k = np.unique(hash_texts(self._list()))
        self._is_named_k = np.zeros(len(self._hash_k), bool)

    def _list(self) -> Iterator[str]:
        for folder in self._below:
            if (self._root / folder).is_dir():
                yield from (f"{folder}/{name}" if folder else name for name in list_images(self._root / folder))

    def tick(self, paths: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Notes that metadata name these files. Returns which of them exist: bool [n].

        paths: relative to the folder. Files that the folder's search leaves out, by suffix or as links, are looked up.
        """
        normal = [os.path.normpath(path).replace(os.sep, "/") for path in paths]
        place_n = find(self._hash_k, hash_texts(normal))
        self._is_named_k[place_n[place_n >= 0]] = True
        exists_n = place_n >= 0
        for row in np.flatnonzero(~exists_n).tolist():
            exists_n[row] = bool(paths[row]) and os.path.isfile(self._root / paths[row])  # noqa: PTH113 - may be any text
        return exists_n

    def list_unnamed(self) -> Iterator[pa.Table]:
        """Yields rows of the files that were not ticked off, each with a problem."""
        if self._is_named_k.all():
            return
        batch: list[str] = []
        for path in self._list():
            batch.append(path)
            if len(batch) == TABLE_ROWS:
                yield from self._make_rows(batch)
                batch = []
        yield from self._make_rows(batch)

    def _make_rows(self, paths: Sequence[str]) -> Iterator[pa.Table]:
        is_named_n = self._is_named_k[find(self._hash_k, hash_texts(paths))] if paths else np.empty(0, bool)
        left = [escape_surrogates(path) for path, is_named in zip(paths, is_named_n) if not is_named]
        if left:
            yield make_table({
                "source_id": left, "image": [str(self._root / path) for path in left], "problem": [NO_ROW] * len(left)
            })  # fmt: skip


def refuse_outside(paths: Iterable[str], root: Path, where: str, first: int = 1) -> None:
    """Raises DatasetError for a path that leaves the folder of the images: a table may come from anybody.

    first: the number of the first row. An absolute path is allowed within the folder.
    """
    whole = Path(os.path.abspath(root))  # noqa: PTH100 - links stay as they are
    for row, path in enumerate(paths, first):
        if leaves_folder(path) and (
            "\0" in path or not Path(os.path.abspath(whole / path)).is_relative_to(whole)  # noqa: PTH100
        ):
            raise DatasetError(
                f"{where}, row {row}: {path!r} is outside of {root}; to use images elsewhere, name a folder that all are in, "
                "as the option images"
            )
