"""Keeps the files that cards, archives and manifests name inside their own folder: they may come from anybody."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bioclip_x.errors import BioclipXError


def leaves_folder(name: str) -> bool:
    """Whether a name would lead out of its folder on any system: absolute, with a drive, or above the folder.

    >>> [leaves_folder(name) for name in ("a/b.csv", "a/../b.csv", "../b.csv", "/b.csv", "C:\\\\b.csv")]
    [False, False, True, True, True]
    """
    if _is_absolute(name):
        return True
    depth = 0
    for part in name.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def resolve_inside(
    folder: Path, name: str, error: type[BioclipXError], where: str, *, root: Path | None = None
) -> Path:
    """Returns the resolved path of a file that something in `folder` names. Raises `error` if it is outside the folder.

    where: what names the file, for the message. root: a folder around it in which the file may be, too. Links are followed;
    in a snapshot of the hub's cache they may lead to the cache's blobs, where its files are.
    """
    inside = Path(os.path.normpath((root or folder).absolute()))
    path = Path(os.path.normpath(folder.absolute() / name.replace("\\", "/")))
    if _is_absolute(name) or not path.is_relative_to(inside):
        raise error(f"{where}: {name!r} is outside of its folder {inside}; put the file into the folder")
    real = inside.resolve()
    roots = [real, real.parent.parent / "blobs"] if real.parent.name == "snapshots" else [real]
    if not any(path.resolve().is_relative_to(one) for one in roots):
        raise error(f"{where}: {name!r} is a link that leads out of its folder {inside}; put the file itself there")
    return path.resolve()


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\")) or bool(re.match("[A-Za-z]:", name)) or "\0" in name
