"""Finds the bytes of images: of files, of members of tar and zip files, and at URLs."""

from __future__ import annotations

import tarfile
import tempfile
import time
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore, Thread
from typing import IO, Final

from bioclip_x.errors import BioclipXError, ImageError
from bioclip_x.images.places.remote import is_url, read_url
from bioclip_x.limits import STORED_IMAGE_BYTES

CONNECTIONS: Final = 8
"""URLs that a process reads at the same time."""
ATTEMPTS: Final = 3
PAUSE: Final = 1.0
"""Seconds after the first failed attempt; twice as many after the second."""
_UNREADABLE: Final = (tarfile.TarError, OSError, EOFError, ValueError, zlib.error)


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


def find_places(images: Sequence[tuple[str, str]], folder: Path | None = None) -> Iterator[Place | ImageError]:
    """Yields where the bytes of each image are, or why there are none, in memory independent of their number.

    images: (path or URL, member) pairs. folder: for a temporary file with the content of compressed archives, which can only be
    read from their beginning.
    """
    with tempfile.TemporaryFile(dir=folder) as stream:
        unpacked = _unpack(images, stream)
        downloads = _download(image for image, _ in images if is_url(image))
        for image, member in images:
            if is_url(image):
                yield next(downloads)
                continue
            try:
                if member and is_compressed_tar(image):
                    yield _find_unpacked(unpacked, image, member, stream)
                else:
                    yield _find_place(image, member)
            except ImageError as problem:
                yield problem


def _find_place(image: str, member: str) -> Place:
    path = Path(image)
    try:
        if not member:
            if not path.is_file():
                raise ImageError("a broken link" if path.is_symlink() else "no such file")
            size = path.stat().st_size
            if size > STORED_IMAGE_BYTES:
                raise ImageError(f"too large: {size:,} bytes")
            return Place(image, 0, size)
        if _is_zip(image, path.stat().st_mtime_ns):
            return _read_zipped(path, member)
        offset, size = _index_tar(image, path.stat().st_mtime_ns)[member]
    except KeyError:
        raise ImageError(f"{image} has no {member}") from None
    except FileNotFoundError:
        raise ImageError(f"{image} does not exist") from None
    except (*_UNREADABLE, zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:  # RuntimeError: encrypted
        raise ImageError(f"{image} cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    if size > STORED_IMAGE_BYTES:
        raise ImageError(f"too large: {size:,} bytes")
    if offset + size > path.stat().st_size:
        raise ImageError(f"{image} is cut short: it has not all of {member}")
    return Place(image, offset, size)


def _read_zipped(path: Path, member: str) -> Place:
    archive = _open_zip(str(path), path.stat().st_mtime_ns)
    if (size := archive.getinfo(member).file_size) > STORED_IMAGE_BYTES:
        raise ImageError(f"too large: {size:,} bytes")
    with archive.open(member) as stream:
        raw = stream.read(STORED_IMAGE_BYTES)
    return Place(f"{path}/{member}", 0, len(raw), raw)


@lru_cache(maxsize=8)
def _is_zip(path: str, changed: int) -> bool:
    return zipfile.is_zipfile(path)


@lru_cache(maxsize=4)
def _open_zip(path: str, changed: int) -> zipfile.ZipFile:
    """Opens a zip file, whose list of a hundred thousand members takes a second to read. changed: when it was."""
    return zipfile.ZipFile(path)


@lru_cache(maxsize=8)
def _index_tar(path: str, changed: int) -> Mapping[str, tuple[int, int]]:
    """Returns offset and size of the files in an uncompressed tar file, up to where it is damaged. changed: when it was."""
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


Unpacked = Mapping[str, tuple[Mapping[str, tuple[int, int]], str]]


def _unpack(images: Sequence[tuple[str, str]], stream: IO[bytes]) -> Unpacked:
    """Writes the wanted members of compressed tar files one after another.

    Returns, by archive, the offset and size of each member, and why the archive could not be read to its end ("" if it was).
    """
    wanted: dict[str, set[str]] = {}
    for image, member in images:
        if member and is_compressed_tar(image):
            wanted.setdefault(image, set()).add(member)
    unpacked: dict[str, tuple[dict[str, tuple[int, int]], str]] = {}
    for image, members in wanted.items():
        places: dict[str, tuple[int, int]] = {}
        problem = ""
        try:
            with tarfile.open(image, "r|*") as archive:
                for one in archive:
                    if one.name in members and one.size <= STORED_IMAGE_BYTES and (content := archive.extractfile(one)):
                        offset = stream.tell()
                        raw = content.read()
                        _write(stream, raw)
                        places[one.name] = offset, len(raw)
        except FileNotFoundError:
            problem = f"{image} does not exist"
        except TypeError:  # tarfile's, of a gzip header of less than ten bytes
            problem = f"{image} is cut short"
        except _UNREADABLE as failure:
            problem = f"{image} is damaged or cut short: {str(failure) or type(failure).__name__}"
        unpacked[image] = places, problem
    return unpacked


def _write(stream: IO[bytes], raw: bytes) -> None:
    try:
        stream.write(raw)
    except OSError as problem:  # of the disk, not of the archive
        raise BioclipXError(f"the temporary file cannot be written: {problem.strerror or problem}") from problem


def _find_unpacked(unpacked: Unpacked, image: str, member: str, stream: IO[bytes]) -> Place:
    places, problem = unpacked[image]
    if member not in places:
        raise ImageError(problem or f"{image} has no {member}")
    offset, size = places[member]
    stream.seek(offset)
    return Place(f"{image}/{member}", 0, size, stream.read(size))


def _download(urls: Iterator[str]) -> Iterator[Place | ImageError]:
    """Yields the files at URLs in order; some are fetched ahead, and no more are in memory."""
    pending: deque[Future[Place | ImageError]] = deque()
    connections = BoundedSemaphore(CONNECTIONS)
    for url in urls:
        pending.append(_start_download(url, connections))
        if len(pending) > 2 * CONNECTIONS:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _start_download(url: str, connections: BoundedSemaphore) -> Future[Place | ImageError]:
    """Downloads in a thread that does not keep the process from ending: a server may hang for minutes."""
    future: Future[Place | ImageError] = Future()

    def run() -> None:
        with connections:
            try:
                future.set_result(_try_to_download(url))
            except BaseException as problem:
                future.set_exception(problem)

    Thread(target=run, daemon=True).start()
    return future


def _try_to_download(url: str) -> Place | ImageError:
    problem = ImageError("not tried")
    for attempt in range(ATTEMPTS):
        try:
            raw = read_url(url)
            return Place(url, 0, len(raw), raw)
        except ImageError as failure:
            problem = failure
            if any(text in str(failure) for text in ("no such file", "pip install", "too large", "Protocol not known")):
                break
            if attempt + 1 < ATTEMPTS:
                time.sleep(PAUSE * 2**attempt)
    return problem
