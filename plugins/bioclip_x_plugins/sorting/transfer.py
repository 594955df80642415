"""Copies and links files. Originals are only read, and nothing that exists is replaced."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import BioclipXError
from bioclip_x_plugins.sorting.plan import Move, add_hash

Mode = Literal["copy", "link", "symlink"]
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Errors after which no further file can be written."""
DONE: Final = "done"


def transfer(move: Move, into: Path, mode: Mode) -> tuple[Path, str]:
    """Puts a file in its place. Returns the place, and "done", also if it was there already, or why it is not there.

    Raises BioclipXError if the disk is full.
    """
    folder = into.joinpath(*move.folder)
    if move.file is None or not move.file.is_file():
        return folder / move.target, "the original is not a file here" if move.file else "not a file"
    places = [folder / name for name in dict.fromkeys((move.target, add_hash(move.target, move.source)))]
    for place in places:
        if is_there(move.file, place, mode):
            return place, DONE
    free = [one for one in places if not os.path.lexists(one)]
    if not free:
        return places[0], "another file of that name is there"
    place = free[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        put(move.file, place, mode)
    except OSError as problem:
        if problem.errno in FULL:
            raise BioclipXError(
                f"{place} cannot be written: {problem.strerror}; what is there is complete, and the same command goes on"
            ) from problem
        return place, problem.strerror or str(problem)
    return place, DONE


def is_there(file: Path, place: Path, mode: Mode) -> bool:
    """Whether a place holds the file already: the same file, or one of the same content for copies."""
    try:
        if place.samefile(file):
            return True
        return mode == "copy" and not place.is_symlink() and filecmp.cmp(file, place, shallow=False)
    except OSError:
        return False


def put(file: Path, place: Path, mode: Mode) -> None:
    """Copies or links a file to a place that is free. Raises OSError; then nothing is there."""
    if mode == "symlink":
        place.symlink_to(file.absolute())
    elif mode == "link":
        os.link(file, place)
    else:
        _copy(file, place)


def _copy(file: Path, place: Path) -> None:
    """Under another name first: a copy that was cut off is never taken for the file."""
    partial = place.with_name(f".{place.name}.partial")
    try:
        shutil.copy2(file, partial)
        try:
            os.link(partial, place)  # unlike a move, it refuses to replace
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if os.path.lexists(place):
                raise FileExistsError(errno.EEXIST, "another file of that name is there") from None
            partial.rename(place)
    finally:
        partial.unlink(missing_ok=True)
