"""Finds the bytes of images: of files, of members of tar and zip files, and at URLs."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from bioclip_x.errors import ImageError
from bioclip_x.images.remote import is_url, read_url

CONNECTIONS: Final = 8
"""URLs that a process reads at the same time."""
ATTEMPTS: Final = 3
LARGEST: Final = 1 << 30
"""Bytes of an image file."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of an image are. size: their number. data: the bytes, if they are not in a file as they are."""

    file: str
    offset: int
    size: int
    data: bytes | None = None

    def read(self) -> bytes:
        """Raises ImageError with the reason."""
        if self.data is not None:
            return self.data
        try:
            with Path(self.file).open("rb") as stream:
                stream.seek(self.offset)
                raw = stream.read(self.size)
        except FileNotFoundError:
            raise ImageError("no such file") from None
        except OSError as problem:
            raise ImageError(f"cannot be read: {problem.strerror or problem}") from problem
        if len(raw) < self.size:
            raise ImageError(f"{self.file} has become shorter")
        return raw


def find_places(images: Sequence[tuple[str, str]]) -> Iterator[Place | ImageError]:
    """Yields where the bytes of each image are, or why there are none. images: (path or URL, member) pairs."""
    urls = [image for image, _ in images if is_url(image)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        downloads = pool.map(_try_to_download, urls)
        streamed = _read_compressed(images)
        for image, member in images:
            if is_url(image):
                yield next(downloads)
                continue
            try:
                yield streamed.get((image, member)) or _find_place(image, member)
            except ImageError as problem:
                yield problem


def _find_place(image: str, member: str) -> Place:
    path = Path(image)
    try:
        if not member:
            if not path.is_file():
                raise ImageError("a broken link" if path.is_symlink() else "no such file")
            size = path.stat().st_size
            if size > LARGEST:
                raise ImageError(f"too large: {size:,} bytes")
            return Place(image, 0, size)
        if zipfile.is_zipfile(path):
            return _read_zipped(path, member)
        offset, size = _index_tar(image)[member]
    except KeyError:
        raise ImageError(f"{image} has no {member}") from None
    except FileNotFoundError:
        raise ImageError(f"{image} does not exist") from None
    except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError) as problem:
        raise ImageError(f"{image} cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    if offset + size > path.stat().st_size:
        raise ImageError(f"{image} is cut short: it has not all of {member}")
    return Place(image, offset, size)


def _read_zipped(path: Path, member: str) -> Place:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(member).file_size > LARGEST:
            raise ImageError("too large")
        with archive.open(member) as stream:
            raw = stream.read(LARGEST)
    return Place(f"{path}/{member}", 0, len(raw), raw)


@lru_cache(maxsize=8)
def _index_tar(path: str) -> Mapping[str, tuple[int, int]]:
    """Returns offset and size of the files in an uncompressed tar file, up to where it is damaged."""
    places: dict[str, tuple[int, int]] = {}
    with tarfile.open(path, "r:") as archive, suppress(tarfile.TarError, OSError, EOFError):
        for member in archive:
            if member.isreg():
                places[member.name] = member.offset_data, member.size
    return places


def is_compressed_tar(image: str) -> bool:
    """Whether a path is that of a compressed tar file, which is read from its beginning.

    >>> is_compressed_tar("set_1.tar.gz"), is_compressed_tar("000.tar")
    (True, False)
    """
    return image.lower().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))


def _read_compressed(images: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Place]:
    """Reads the images in compressed tar files, each of which is read once."""
    wanted: dict[str, set[str]] = {}
    for image, member in images:
        if member and is_compressed_tar(image):
            wanted.setdefault(image, set()).add(member)
    found: dict[tuple[str, str], Place] = {}
    for image, members in wanted.items():
        with suppress(tarfile.TarError, OSError, EOFError, ValueError), tarfile.open(image, "r|*") as archive:
            for one in archive:
                if one.name in members and one.size <= LARGEST and (stream := archive.extractfile(one)):
                    raw = stream.read()
                    found[image, one.name] = Place(f"{image}/{one.name}", 0, len(raw), raw)
    return found


def _try_to_download(url: str) -> Place | ImageError:
    problem = ImageError("not tried")
    for _ in range(ATTEMPTS):
        try:
            raw = read_url(url)
            return Place(url, 0, len(raw), raw)
        except ImageError as failure:
            problem = failure
            if "no such file" in str(failure):
                break
    return problem
