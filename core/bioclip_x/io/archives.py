"""Zip and tar archives, and folders, as sets of named files. Nothing is unpacked to disk.

    with open_archive(Path("checklist.zip")) as archive:
        with archive.open("meta.xml") as stream:
            text = stream.read()

An archive is somebody else's file: names that lead out of it (`../`, `/etc/…`), links, encrypted files and files that unpack
to far more than they take (zip bombs) are refused, with a TaxonomyError that says so.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from bioclip_x.errors import TaxonomyError

MOST_FILES: Final = 100_000
MOST_FOLDERS: Final = 20
MOST_BYTES: Final = 32 << 30
"""Of one file, unpacked."""
MOST_RATIO: Final = 200
"""Unpacked to packed bytes. Checklists reach 20, long runs of one letter 1,000."""
FREE_BYTES: Final = 64 << 20
"""That many bytes may come out of a file, however small it is."""

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
)
"""What reading a damaged archive raises."""

_DECOMPRESSORS: Final[Mapping[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open,
}  # fmt: skip
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_Opener = Callable[[str], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of an archive or a folder by name, folders in a name separated by `/`.

    path: the archive itself. names: in its own order, without the computer's own files (`.DS_Store`, `__MACOSX/`).
    """

    path: Path
    names: tuple[str, ...]
    _opener: _Opener

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file's bytes, read as they come. Raises TaxonomyError where it is missing, broken, or a bomb."""
        if name not in self.names:
            raise TaxonomyError(f"{self.path} has no file {name}; it has {', '.join(self.names[:20])}")
        try:
            with self._opener(name) as stream:
                yield stream
        except _BROKEN as problem:
            raise TaxonomyError(f"{self.where(name)} cannot be read: {problem}") from problem

    def where(self, name: str) -> str:
        """How a file is called in messages."""
        return str(self.path) if self.names == (self.path.name,) else f"{self.path}/{name}"

    def find(self, name: str) -> str:
        """The file of this name, in any case and in any folder, the one highest up; "" where there is none."""
        wanted = name.lower()
        found = [one for one in self.names if PurePosixPath(one).name.lower() == wanted]
        return min(found, key=lambda one: (one.count("/"), one), default="")


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is a zip or tar archive (or a compressed file, which may hold a tar)."""
    return head.startswith((*_ZIP, *_DECOMPRESSORS)) or head[257:262] == b"ustar"


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Opens a zip, a tar (compressed or not), a folder, or, as an archive of one, any other file.

    Raises TaxonomyError for one that is missing, broken, encrypted or hostile.
    """
    with ExitStack() as stack:
        try:
            yield _opened(path, stack)
        except OSError as problem:
            told = getattr(problem, "strerror", None) or problem
            raise TaxonomyError(f"{path} cannot be read: {told}") from problem


def _opened(path: Path, stack: ExitStack) -> Archive:
    if not path.exists():
        raise TaxonomyError(f"{path} does not exist")
    if path.is_dir():
        return _folder(path)
    raw = stack.enter_context(path.open("rb"))
    head = raw.read(512)
    raw.seek(0)
    if not is_archive(head):
        return Archive(path, (path.name,), lambda _: path.open("rb"))
    try:
        return (
            _zip(path, stack.enter_context(zipfile.ZipFile(raw))) if head[:2] == b"PK" else _tar(path, raw, head, stack)
        )
    except (*_BROKEN, ValueError) as problem:
        raise TaxonomyError(
            f"{path} is a broken or unfinished archive ({problem}); fetch or pack it again"
        ) from problem


def _folder(path: Path) -> Archive:
    """Its files, and those one folder down where it is no collection of folders (of images, say)."""
    entries = sorted(path.iterdir())
    folders = [entry for entry in entries if entry.is_dir()]
    below = [file for folder in folders if len(folders) <= MOST_FOLDERS for file in sorted(folder.iterdir())]
    names = [file.relative_to(path).as_posix() for file in (*entries, *below) if file.is_file()]
    _refuse_many(path, len(names))
    return Archive(path, tuple(filter(_is_ours, names)), lambda name: (path / name).open("rb"))


def _zip(path: Path, archive: zipfile.ZipFile) -> Archive:
    files = [info for info in archive.infolist() if not info.is_dir()]
    for info in files:
        if info.external_attr >> 28 == 0o12:
            raise TaxonomyError(f"{path} holds a link, {info.filename}; pack the file itself")
        if info.flag_bits & 1:
            raise TaxonomyError(
                f"{path} is encrypted ({info.filename}); unpack it with its password and pack it without"
            )
    _refuse_names(path, [info.orig_filename for info in files])
    by_name = {info.filename: info for info in files}

    def opener(name: str) -> AbstractContextManager[IO[bytes]]:
        info = by_name[name]
        return _limited(archive.open(info), info.compress_size, f"{path}/{name}")

    return Archive(path, tuple(filter(_is_ours, by_name)), opener)


def _tar(path: Path, raw: IO[bytes], head: bytes, stack: ExitStack) -> Archive:
    kind = next((kind for magic, kind in _DECOMPRESSORS.items() if head.startswith(magic)), None)
    plain = _limited(stack.enter_context(kind(raw)), path.stat().st_size, str(path)) if kind else raw
    try:
        archive = stack.enter_context(tarfile.TarFile(fileobj=plain))
    except tarfile.ReadError as problem:
        if kind:
            raise TaxonomyError(f"{path} is compressed, but no tar archive; unpack it first") from problem
        raise
    members: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise TaxonomyError(f"{path} holds a link or a device, {member.name}; pack the file itself")
        members[member.name.removeprefix("./")] = member
        _refuse_many(path, len(members))
    _refuse_names(path, list(members))

    def opener(name: str) -> AbstractContextManager[IO[bytes]]:
        stream = archive.extractfile(members[name])
        assert stream is not None  # it is a regular file
        return stream

    return Archive(path, tuple(filter(_is_ours, members)), opener)


class _Limited(io.RawIOBase):
    """A decompressed stream that ends with an error once far more has come out than went in."""

    def __init__(self, stream: IO[bytes], packed: int, where: str) -> None:
        self._stream, self._where = stream, where
        self._limit = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * packed))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._check(self._stream.tell())
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0:
            self._check(offset)  # a file that is skipped is unpacked as well
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise TaxonomyError(
                f"{self._where} unpacks to more than {self._limit >> 20:,} MiB, {MOST_RATIO} times what it takes: "
                "taken for a zip bomb; if it is none, unpack it and give the folder"
            )


def _limited(stream: IO[bytes], packed: int, where: str) -> IO[bytes]:
    return io.BufferedReader(_Limited(stream, packed, where), 1 << 18)


def _refuse_names(path: Path, names: list[str]) -> None:
    _refuse_many(path, len(names))
    seen: set[str] = set()
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
            raise TaxonomyError(f"{path} holds a file that would lie outside of it, {name!r}: it is not to be trusted")
        if name in seen:
            raise TaxonomyError(f"{path} holds two files of the name {name}; remove one")
        seen.add(name)


def _refuse_many(path: Path, count: int) -> None:
    if count > MOST_FILES:
        raise TaxonomyError(f"{path} holds more than {MOST_FILES:,} files; expected a checklist's few")


def _is_ours(name: str) -> bool:
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
