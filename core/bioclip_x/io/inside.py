"""Keeps the files that cards, archives and manifests name inside their own folder: they may come from anybody."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from bioclip_x.errors import BioclipXError


def leaves_folder(name: str) -> bool:
    """Whether a relative name would lead out of its folder on any system: absolute, with a drive, or above the folder.

    >>> [leaves_folder(name) for name in ("a/b.csv", "a/../b.csv", "../b.csv", "/b.csv", "C:\\\\b.csv")]
    [False, False, True, True, True]
    """
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name) or "\0" in name:
        return True
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def resolve_inside(folder: Path, name: str, error: type[BioclipXError], where: str) -> Path:
    """Returns the resolved path of a file that something in `folder` names. Raises `error` if it is outside the folder.

    where: what names the file, for the message. Links are followed; in a snapshot of the hub's cache they may lead to the
    cache's blobs, where its files are.
    """
    root = folder.resolve()
    roots = [root, root.parent.parent / "blobs"] if root.parent.name == "snapshots" else [root]
    if leaves_folder(name):
        raise error(f"{where}: {name!r} is outside of its folder {folder}; put the file into the folder")
    path = (root / PurePosixPath(name.replace("\\", "/"))).resolve()
    if not any(path.is_relative_to(one) for one in roots):
        raise error(f"{where}: {name!r} is a link that leads out of its folder {folder}; put the file itself there")
    return path
