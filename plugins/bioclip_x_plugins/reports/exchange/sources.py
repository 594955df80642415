"""The files that results are of: their paths, media types, identifiers and deployments."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Final

from bioclip_x.plugin import Result, is_url

FRAME: Final = re.compile(r"(.+)#t=(\d+(?:\.\d+)?)")
"""The name of a frame: its video's, and the seconds from the beginning."""
MOVING: Final = ("3gp", "asf", "avi", "m4v", "mkv", "mov", "mp4", "mts", "webm", "wmv")
"""Suffixes of videos."""
DEPLOYMENT: Final = ("deploymentID", "deployment_id", "deployment")
"""Names of metadata that tell the deployment of an image."""


def split_frame(source: str) -> tuple[str, float | None]:
    """The file of an image, and for a frame of a video its time in seconds.

    >>> split_frame("cam1/clip.mp4#t=3.5"), split_frame("cam1/a.jpg")
    (('cam1/clip.mp4', 3.5), ('cam1/a.jpg', None))
    """
    found = FRAME.fullmatch(source)
    return (found[1], float(found[2])) if found else (source, None)


def make_id(text: str) -> str:
    """An identifier that is the same in every run: 80 bits of a hash of the text.

    >>> make_id("cam1/a.jpg")
    '62276fff835a640baa90'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def find_media_type(file: str) -> str:
    """The IANA media type by the suffix; "image/x-SUFFIX" for one that is none of an image, a video or a sound.

    >>> find_media_type("a.JPG"), find_media_type("clip.mp4"), find_media_type("a.cr2")
    ('image/jpeg', 'video/mp4', 'image/x-cr2')
    """
    # Python's own table, not the machine's: the same everywhere.
    guessed = mimetypes.MimeTypes().guess_type(PurePosixPath(file.replace("\\", "/")).name)[0] or ""
    if guessed.startswith(("image/", "video/", "audio/")):
        return guessed
    suffix = re.sub(r"[^a-z0-9]", "", file.rpartition(".")[2].lower()[:20]) or "unknown"
    return f"{'video' if suffix in MOVING else 'image'}/x-{suffix}"


def make_relative(file: str, folder: Path) -> str:
    """The path of a file relative to a folder, with slashes; a URL is kept.

    A file that is not inside keeps its path as given; what would lead out of the folder gets a name, so that different files stay
    different: a drive its letter, and the folder above _up.

    >>> make_relative("/data/cam1/a.jpg", Path("/data")), make_relative("/other/cam1/a.jpg", Path("/data"))
    ('cam1/a.jpg', 'other/cam1/a.jpg')
    >>> make_relative("x/../../cam1/a.jpg", Path("/data")), make_relative("E:\\\\cam1\\\\a.jpg", Path("/data"))
    ('_up/cam1/a.jpg', 'E/cam1/a.jpg')
    """
    if is_url(file):
        return file
    try:
        inside = Path(os.path.normpath(Path(file).absolute())).relative_to(os.path.normpath(folder.absolute()))
    except ValueError:
        inside = Path()  # it is elsewhere
    if inside != Path():
        return inside.as_posix()
    plain = re.sub(r"^([A-Za-z]):", r"\1/", file).replace("\\", "/")
    parts = posixpath.normpath(plain).split("/")
    return "/".join("_up" if part == ".." else part for part in parts if part not in ("", ".")) or "unnamed"


def find_deployment(result: Result, path: str) -> str:
    """The deployment that the metadata names, else the file's folder.

    >>> find_deployment(Result("cam1/day2/a.jpg"), "cam1/day2/a.jpg")
    'cam1/day2'
    """
    named = next((str(result.metadata[name]) for name in DEPLOYMENT if result.metadata.get(name)), "")
    if named:
        return named
    folder = path.rpartition("/")[0]
    return folder or Path(result.source).absolute().parent.name or "unnamed"
