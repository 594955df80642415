"""Expands patterns of paths as `glob` does, without following links to folders, and each path once."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path
from typing import Final

ANY_DEPTH: Final = "**"


def expand_pattern(pattern: str) -> list[str]:
    """Lists the paths that match, sorted. `**` stands for folders of any depth, and at the end for the files in them.

    As in a shell, no pattern matches a name that begins with a dot; nor does one match a pipe, a socket or a device. Links
    to folders are entered where they are named or matched, never by `**`: a link to a folder above itself would have no end.
    """
    path = Path(pattern)
    parts = path.parts[1:] if path.anchor else path.parts
    return sorted(dict.fromkeys(_expand(path.anchor, _merge(parts))))


def _merge(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Leaves one of several `**` after one another, which mean the same."""
    return tuple(part for i, part in enumerate(parts) if not (part == ANY_DEPTH and parts[i - 1 : i] == (ANY_DEPTH,)))


def _expand(folder: str, parts: tuple[str, ...]) -> Iterator[str]:
    """Yields the paths below a folder that match the parts."""
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == ANY_DEPTH:
        for below in _iterate_folders(folder):
            yield from _expand(below, rest) if rest else _list_files(below)
    elif glob.has_magic(first):
        matches = re.compile(translate(first)).match
        for entry in _list_entries(folder):
            is_hidden = entry.name.startswith(".") and not first.startswith(".")
            if matches(entry.name) and not is_hidden and not _is_special(entry):
                path = os.path.join(folder, entry.name)  # noqa: PTH118 - keeps "./" and bytes that are no text
                if not rest or _is_folder(entry):
                    yield from _expand(path, rest)
    else:
        path = os.path.join(folder, first)  # noqa: PTH118
        if os.path.lexists(path):
            yield from _expand(path, rest)


def _iterate_folders(folder: str) -> Iterator[str]:
    """Yields a folder and those below it, which are no links, nor hidden."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += (
            os.path.join(current, entry.name)  # noqa: PTH118
            for entry in _list_entries(current)
            if not entry.name.startswith(".") and not entry.is_symlink() and _is_folder(entry)
        )


def _list_files(folder: str) -> Iterator[str]:
    for entry in _list_entries(folder):
        if not (entry.name.startswith(".") or _is_folder(entry) or _is_special(entry)):
            yield os.path.join(folder, entry.name)  # noqa: PTH118


def _list_entries(folder: str) -> list[os.DirEntry[str]]:
    """Lists a folder; nothing for one that cannot be read, as `glob` does."""
    try:
        with os.scandir(folder or os.curdir) as scan:
            return list(scan)
    except (OSError, ValueError):
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a pipe, socket or device; a broken link is none, and fails when it is read."""
    try:
        return not (entry.is_file() or entry.is_dir() or (entry.is_symlink() and not os.path.exists(entry.path)))  # noqa: PTH110
    except OSError:
        return False
