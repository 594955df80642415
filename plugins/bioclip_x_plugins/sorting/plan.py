"""What is to be done: which file goes where, under which name, and with which keywords."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import is_url
from bioclip_x_plugins.sorting.folders import UNNAMED, find_folder, make_safe_file
from bioclip_x_plugins.sorting.results_files import Named

Level = Literal["image", "event"]
FRAME: Final = re.compile(r"(.+)#t=\d+(?:\.\d+)?")
"""The name of a frame: its video's, and the seconds from the beginning."""


@dataclass(frozen=True, slots=True)
class Move:
    """A file and its place. source: as in the results. file: the path of the original; None if it is none, such as a URL.

    folder: the names of the folders, from the top. target: the name of the file in it.
    """

    source: str
    file: Path | None
    folder: tuple[str, ...]
    target: str
    name: str = ""
    rank: str = ""
    probability: float = math.nan


@dataclass(slots=True)
class Image:
    """An original file and what is said of it: one result, or one of each of its regions or frames."""

    source: str
    results: list[Named] = field(default_factory=list)


def collect_images(results: Iterable[Named], level: Level) -> list[Image]:
    """The files of the results, each once, in order. level: "event" gives the images of an event the event's name.

    Images of an event with several organisms, which has a result for each, keep their own.
    """
    images: dict[str, Image] = {}
    events: dict[str, Named] = {}
    several: set[str] = set()
    for one in results:
        if one.level == "event":
            name = one.event or one.source
            several |= {name} & events.keys()
            events[name] = one
        else:
            file = split_frame(one.source)
            images.setdefault(file, Image(file)).results.append(one)
    if level == "event":
        for image in images.values():
            image.results = [
                events.get(one.event, one) if one.event and one.event not in several else one for one in image.results
            ]
    return list(images.values())


def split_frame(source: str) -> str:
    """The file of an image: for a frame, its video.

    >>> split_frame("clip.mp4#t=3.5"), split_frame("a.jpg")
    ('clip.mp4', 'a.jpg')
    """
    found = FRAME.fullmatch(source)
    return found[1] if found else source


def plan_moves(images: Iterable[Image], by: Sequence[str], min_probability: float, root: Path) -> list[Move]:
    """Each file goes to the folder of each of its taxa, and to that of the first reason if nothing in it is named.

    Of files with one name in one folder the first keeps it; the others get a part of a hash of their path. Names that differ in
    case only count as one, as on Windows and macOS. root: the folder that relative paths of sources are relative to.
    """
    taken: set[tuple[str, ...]] = set()
    moves = []
    for image in images:
        for folder, one in find_folders(image, by, min_probability).items():
            target = choose_name(image.source, folder, taken)
            file = None if is_url(image.source) else root / image.source
            moves.append(Move(image.source, file, folder, target, one.name, one.rank, one.probability))
    return moves


def find_folders(image: Image, by: Sequence[str], min_probability: float) -> dict[tuple[str, ...], Named]:
    """Folder → the result that leads there, the most probable one of several."""
    folders: dict[tuple[str, ...], Named] = {}
    for one in image.results:
        folder = find_folder(one, by, min_probability)
        if folder not in folders or one.probability > folders[folder].probability:
            folders[folder] = one
    named = {folder: one for folder, one in folders.items() if folder[0] != UNNAMED}
    return named or dict(list(folders.items())[:1])


def choose_name(source: str, folder: tuple[str, ...], taken: set[tuple[str, ...]]) -> str:
    """A name that no other file of the folder has; it is added to `taken`."""
    plain = make_safe_file(source.replace("\\", "/").rpartition("/")[2])
    name = plain
    if make_key(folder, name) in taken:
        name = add_hash(plain, source)
    taken.add(make_key(folder, name))
    return name


def add_hash(name: str, source: str) -> str:
    """A file's name with a part of a hash of where it is from.

    >>> add_hash("IMG_1.JPG", "cam2/IMG_1.JPG")
    'IMG_1-430760db.JPG'
    """
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{digest}.{suffix}" if dot and stem else f"{name}-{digest}"


def make_key(folder: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(part.casefold() for part in (*folder, name))
