"""Walks folders for images and videos, and counts what is left out."""

from __future__ import annotations

import fnmatch
import os
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from bioclip_x.images.file_types import HEAD_BYTES, SUFFIXES, find_magic
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records import Source

LEFT_OUT_FOLDERS: Final = (
    ".*", "@eadir", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "lost+found", "system volume information",
)  # fmt: skip
"""Patterns of folders of thumbnails, deleted files and settings, lower case. `.*` covers `.Trash`, `.Trash-1000`, `.git`."""


def is_left_out(name: str) -> bool:
    """Whether a folder of this name is not searched for images."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in LEFT_OUT_FOLDERS)


class LeftOut:
    """Counts what a folder holds besides images and videos, so that one line can say it.

    files: suffix → number of files that are no images, "" for files without one. folders: name → number of folders not
    entered. hidden: files whose name begins with a dot. links: linked folders. special: pipes, sockets and devices.
    unreadable: files of no known suffix that cannot be opened.
    """

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.folders: Counter[str] = Counter()
        self.hidden = self.links = self.special = self.unreadable = 0

    def add(self, other: LeftOut) -> None:
        """Adds another folder's counts."""
        self.files.update(other.files)
        self.folders.update(other.folders)
        self.hidden += other.hidden
        self.links += other.links
        self.special += other.special
        self.unreadable += other.unreadable

    def describe(self) -> str:
        """Returns what was left out in one line, "" for nothing.

        >>> left_out = LeftOut()
        >>> left_out.files.update({".txt": 10, ".xml": 2})
        >>> left_out.describe()
        'left out: 12 files that are no images (.txt 10, .xml 2)'
        """
        n_files = self.files.total()
        suffixes = [f"{suffix or 'no suffix'} {count:,}" for suffix, count in self.files.most_common()]
        parts = [
            f"{pluralise(n_files, 'file that is no image', 'files that are no images')} ({list_some(suffixes, 8)})",
            *(f"{pluralise(count, 'folder')} {name}" for name, count in self.folders.most_common(8)),
            pluralise(sum(self.folders.values()) - sum(n for _, n in self.folders.most_common(8)), "further folder"),
            pluralise(self.hidden, "hidden file"),
            pluralise(self.links, "linked folder"),
            pluralise(self.special, "pipe, socket or device", "pipes, sockets or devices"),
            pluralise(self.unreadable, "file that cannot be opened", "files that cannot be opened"),
        ]
        parts = [part for part in parts if part and not part.startswith("0 ")]
        return f"left out: {'; '.join(parts)}" if parts else ""


T = TypeVar("T")


def warn_of_left_out(results: Iterable[T], left_out: LeftOut) -> Iterator[T]:
    """Yields the results, then warns in one line of what their folders hold besides images."""
    yield from results
    if told := left_out.describe():
        warnings.warn(told, stacklevel=2)


def is_media(head: bytes, suffix: str) -> bool:
    """Whether a file with these first bytes is an image or a video of a known type."""
    found = find_magic(head)
    return found is not None and found.is_media


def walk_folder(
    folder: Path,
    left_out: LeftOut,
    *,
    suffixes: Collection[str] = SUFFIXES,
    recognises: Callable[[bytes, str], bool] = is_media,
) -> Iterator[Source]:
    """Yields the images and videos in a folder and below, sorted by name within each folder, files first.

    A file counts as one by its suffix, else by its first bytes. Folders that cannot be read are sources with an error.
    Follows no links to folders. suffixes: lower case. recognises: whether the first bytes, of a file with that suffix, are
    an image's. left_out: counts the others.
    """
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        entries, failure = _list_entries(current)
        below: list[Path] = []
        for entry in entries:
            path = Path(current, entry.name)
            if _is_folder(entry):
                if _is_entered(entry, left_out):
                    below.append(path)
            elif _is_wanted(entry, path, left_out, suffixes, recognises):
                yield Source(str(path), path)
        if failure:
            yield Source(str(current), error=failure)
        waiting += reversed(below)


def _list_entries(folder: Path) -> tuple[list[os.DirEntry[str]], str]:
    """Lists a folder, sorted by name, with the reason why it could not be read, or not to its end; "" if it was."""
    entries: list[os.DirEntry[str]] = []
    failure = ""
    try:
        with os.scandir(folder) as scan:
            for entry in scan:  # one by one: a drive may vanish midway
                entries.append(entry)
    except (OSError, ValueError) as problem:
        failure = f"the folder cannot be read: {getattr(problem, 'strerror', None) or problem}"
    return sorted(entries, key=lambda entry: entry.name), failure


def _is_entered(entry: os.DirEntry[str], left_out: LeftOut) -> bool:
    """Returns whether a folder below is searched; counts it if not."""
    if entry.is_symlink():
        left_out.links += 1
        return False
    if is_left_out(entry.name):
        left_out.folders[entry.name] += 1
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_wanted(
    entry: os.DirEntry[str],
    path: Path,
    left_out: LeftOut,
    suffixes: Collection[str],
    recognises: Callable[[bytes, str], bool],
) -> bool:
    """Returns whether a file looks like an image or a video; counts it if not."""
    suffix = path.suffix.lower()
    if entry.name.startswith("."):
        left_out.hidden += 1
        return False
    try:
        is_regular = entry.is_file() or (
            entry.is_symlink() and not path.exists()
        )  # a broken link fails when it is read
    except OSError:
        is_regular = True  # fails when it is read, with the reason
    if not is_regular:
        left_out.special += 1
        return False
    if suffix in suffixes:
        return True
    head = _read_head(path)
    if head is None and not entry.is_symlink():
        left_out.unreadable += 1
        return False
    if head and recognises(head, suffix):
        return True
    left_out.files[suffix] += 1
    return False


def _read_head(path: Path) -> bytes | None:
    """Reads the first bytes of a file without buffering, None if that fails."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    try:
        return os.read(descriptor, HEAD_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)
