"""Expands the user's inputs (paths, folders, globs, URLs, tables, images in memory) to sources, lazily."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles, make_file_source
from bioclip_x.images.memory import make_memory_source
from bioclip_x.images.places.folders import LeftOut, is_left_out
from bioclip_x.images.places.patterns import expand_pattern
from bioclip_x.images.places.remote import expand_url, is_url
from bioclip_x.images.places.tables import is_table, read_table
from bioclip_x.records import Source


def check_sources(inputs: Sequence[Any], files: ImageFiles | None = None) -> None:
    """Raises ImageError for a folder, pattern or table without images, and if no input exists.

    For checks before the work starts. If only some files are missing, these become results with an error.
    """
    files = files or ImageFiles()
    names = [os.fspath(item) if isinstance(item, str | os.PathLike) else "" for item in inputs]
    if names and all(_names_a_file(name) and _is_missing(name) for name in names):
        raise ImageError(f"{names[0]}: no such file or folder")
    for name in names:
        if name and name != "-" and not is_url(name):
            first = next(_expand_path(name, files, LeftOut()), None)
            if first is not None and first.error:
                raise ImageError(f"{first.name}: {first.error}")


def _names_a_file(name: str) -> bool:
    """Whether an input is a path, and no pattern, address, standard input or image in memory (an empty name)."""
    return name not in ("", "-") and not glob.has_magic(name) and not is_url(name)


def expand_sources(
    inputs: Iterable[Any],
    stdin: TextIO | None = None,
    files: ImageFiles | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[Source]:
    """Yields the sources of paths, folders (recursive, sorted), globs, URLs, tables (`read_table`), `-` (paths on stdin, one
    per line), and images in memory (`make_memory_source`).

    files: by which formats folders are searched. left_out: counts what they hold besides images.
    Never raises: an input without images is a source with an error.
    """
    files = files or ImageFiles()
    left_out = LeftOut() if left_out is None else left_out
    for number, item in enumerate(inputs):
        if not isinstance(item, str | os.PathLike):
            yield make_memory_source(f"image {number}", item)
        elif item == "-" and stdin is not None:
            yield from _read_paths(stdin, files, left_out)
        else:
            yield from _expand_path(os.fspath(item), files, left_out)


def _read_paths(stdin: TextIO, files: ImageFiles, left_out: LeftOut) -> Iterator[Source]:
    empty = True
    for raw in stdin:
        if line := raw.rstrip("\r\n"):
            empty = False
            yield from _expand_path_or_folder(line, files, left_out)
    if empty:
        yield Source("-", error="no paths on standard input")


def _expand_path(item: str, files: ImageFiles, left_out: LeftOut) -> Iterator[Source]:
    if is_table(item) and (is_url(item) or os.path.isfile(item)):  # noqa: PTH113 - never raises
        yield from read_table(item)
    elif is_url(item):
        yield from expand_url(item, left_out, files.suffixes)
    elif glob.has_magic(item) and _is_missing(item):
        matches = list(_leave_out(expand_pattern(item), item, left_out))
        if not matches:
            yield Source(item, error="nothing matches")
        for match in matches:
            yield from _expand_path_or_folder(match, files, left_out)
    else:
        yield from _expand_path_or_folder(item, files, left_out)


def _leave_out(matches: Iterable[str], pattern: str, left_out: LeftOut) -> Iterator[str]:
    """Yields the matches that are not in folders such as `@eaDir`, unless the pattern names these; counts the folders."""
    named = Path(pattern).parts
    closed: set[tuple[str, ...]] = set()
    for match in matches:
        parts = Path(match).parts
        folders = parts if os.path.isdir(match) else parts[:-1]  # noqa: PTH112 - never raises
        level = next((i for i, part in enumerate(folders) if is_left_out(part) and part not in named), None)
        if level is None:
            yield match
        elif parts[: level + 1] not in closed:
            closed.add(parts[: level + 1])
            left_out.folders[parts[level]] += 1


def _expand_path_or_folder(name: str, files: ImageFiles, left_out: LeftOut) -> Iterator[Source]:
    if is_url(name) or not os.path.isdir(name):  # noqa: PTH112 - never raises
        yield make_file_source(name)
        return
    in_folder = LeftOut()
    source = None
    for source in files.walk(Path(name), in_folder):
        yield source
    left_out.add(in_folder)
    if source is None:
        yield Source(name, error="; ".join(filter(None, ("the folder contains no images", in_folder.describe()))))


def _is_missing(name: str) -> bool:
    """Whether nothing is at a path. What cannot be looked up (no permission, a name that is too long) may be there."""
    try:
        os.stat(name)  # noqa: PTH116
    except OSError as problem:
        return problem.errno in (errno.ENOENT, errno.ENOTDIR)
    except ValueError:  # a NUL in the name
        return False
    return False
