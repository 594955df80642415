"""Copies and links files. Originals are only read, and nothing that exists is replaced."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import BioclipXError, open_temporary, sweep, sync_folder
from bioclip_x_plugins.sorting.plan import Move, add_hash

Mode = Literal["copy", "link", "symlink"]
Form = Literal["original", "copy", "hard link", "symbolic link"]
WANTED: Final[dict[Mode, Form]] = {"copy": "copy", "link": "hard link", "symlink": "symbolic link"}
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Errors after which no further file can be written."""
DONE: Final = "done"
PLANNED: Final = "planned"
BUFFER: Final = 1 << 20


def transfer(move: Move, into: Path, mode: Mode) -> tuple[Path, str]:
    """Puts a file in its place. Returns the place, and "done", also if it was there already, or why it is not there.

    Raises BioclipXError if the disk is full.
    """
    place, status = foresee(move, into, mode)
    if status != PLANNED or move.file is None:
        return place, status
    try:
        make_folder(place.parent)
        put(move.file, place, mode)
    except FileExistsError:  # another run was faster
        place, status = foresee(move, into, mode)
        return place, "another run is writing here; run it again" if status == PLANNED else status
    except OSError as problem:
        if problem.errno in FULL:
            raise BioclipXError(
                f"{place} cannot be written: {problem.strerror}; what is there is complete, and the same command goes on"
            ) from problem
        return place, problem.strerror or str(problem)
    return place, DONE


def foresee(move: Move, into: Path, mode: Mode) -> tuple[Path, str]:
    """The place of a file, and "done" if it is there, "planned" if the place is free, or why it cannot be put there."""
    folder = into.joinpath(*move.folder)
    if move.file is None or not is_file(move.file):
        return folder / move.target, "the original is not a file here" if move.file else "not a file"
    places = [folder / name for name in dict.fromkeys((move.target, add_hash(move.target, move.source)))]
    for place in places:
        form = find_form(move.file, place, mode)
        if form in ("original", WANTED[mode]):
            return place, DONE
        if form is not None:
            return place, f"a {form} to it is there, not a {WANTED[mode]}; remove it, or sort into another folder"
    free = [one for one in places if not os.path.lexists(one)]
    return (free[0], PLANNED) if free else (places[0], "another file of that name is there")


def is_file(path: Path) -> bool:
    """Whether a path is a file; not one whose name no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def find_form(file: Path, place: Path, mode: Mode) -> Form | None:
    """As what a place holds the file; None if it does not. Contents are only compared for copies."""
    try:
        if place.samefile(file):
            if place.parent.samefile(file.parent) and place.name == file.name:
                return "original"
            if place.is_symlink():
                return "symbolic link"
            return "hard link" if place.stat().st_nlink > 1 else "original"  # by another path
        is_copy = mode == "copy" and not place.is_symlink() and filecmp.cmp(file, place, shallow=False)
    except OSError:
        return None
    return "copy" if is_copy else None


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, so that a power cut does not lose what is put in it. Raises OSError."""
    made = []
    while not folder.is_dir() and folder != folder.parent:
        made.append(folder)
        folder = folder.parent
    for one in reversed(made):
        one.mkdir(exist_ok=True)
        sync_folder(one.parent)


def put(file: Path, place: Path, mode: Mode) -> None:
    """Copies or links a file to a place that is free. Raises OSError; then nothing is there."""
    if mode == "symlink":
        place.symlink_to(file.absolute())
    elif mode == "link":
        os.link(file, place)
    else:
        _copy(file, place)
    sync_folder(place.parent)


def _copy(file: Path, place: Path) -> None:
    """Under a name of its own first: a copy that was cut off is never taken for the file, and no two runs share one."""

    def move(temporary: Path, place: Path) -> None:
        with suppress(OSError):  # a nicety: times and permissions
            shutil.copystat(file, temporary)
        try:
            os.link(temporary, place)  # unlike a move, it refuses to replace
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if os.path.lexists(place):
                raise FileExistsError(errno.EEXIST, "another file of that name is there") from None
            temporary.rename(place)
        temporary.unlink(missing_ok=True)

    with file.open("rb") as source, open_temporary(place, move) as copy:
        shutil.copyfileobj(source, copy, BUFFER)


def sweep_leftovers(moves: Iterable[Move], into: Path) -> None:
    """Deletes what runs that were killed left of their copies of these files."""
    targets: dict[tuple[str, ...], set[str]] = {}
    for move in moves:
        targets.setdefault(move.folder, set()).update((move.target, add_hash(move.target, move.source)))
    for names, targeted in targets.items():
        folder = into.joinpath(*names)
        with suppress(OSError):
            found = {path.name[1:].rsplit(".", 2)[0] for path in folder.glob(".*.tmp")}
            for name in found & targeted:
                sweep(folder, folder / name)
