"""Reads zip and tar archives, and folders, as sets of named files. Nothing is unpacked to disk.

    with open_archive(Path("checklist.zip")) as archive:
        with archive.open("meta.xml") as stream:
            text = stream.read()

Archives are untrusted: paths outside the archive (`../`, `/etc/…`), links, encrypted files and files that unpack to far
more than their size (zip bombs) raise a TaxonomyError.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from bioclip_x.errors import TaxonomyError
from bioclip_x.io.compression import MAGIC, READ_ERRORS, SUFFIXES, decompress, limit_size, name_unpacked
from bioclip_x.io.content import holds_text, name_content, open_content
from bioclip_x.io.inside import leaves_folder, resolve_inside
from bioclip_x.limits import ARCHIVE_FILES, ARCHIVE_FOLDERS

_READ_ERRORS = (zipfile.BadZipFile, tarfile.TarError, *READ_ERRORS, NotImplementedError)
"""Exceptions raised on reading a damaged archive."""

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_Opener = Callable[[str], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of an archive or a folder by name, with `/` between folders.

    path: of the archive. names: in archive order, without hidden and system files (`.DS_Store`, `__MACOSX/`); of compressed
    files in a folder, without `.gz`.
    """

    path: Path
    names: tuple[str, ...]
    _opener: _Opener

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a file as a stream of bytes. Raises TaxonomyError if it is missing, damaged or a zip bomb."""
        if name not in self.names:
            raise TaxonomyError(f"{self.path} has no file {name}; it has {', '.join(self.names[:20])}")
        try:
            with self._opener(name) as stream:
                yield stream
        except _READ_ERRORS as problem:
            raise TaxonomyError(f"{self.where(name)} cannot be read: {problem}") from problem

    def where(self, name: str) -> str:
        """Returns the name of a file for messages."""
        return str(self.path) if self.names == (name_content(self.path).name,) else f"{self.path}/{name}"

    def find(self, name: str) -> str:
        """Returns the least deeply nested file of this name, ignoring case; "" if there is none."""
        matches = [one for one in self.names if PurePosixPath(one).name.lower() == name.lower()]
        return min(matches, key=lambda one: (one.count("/"), one), default="")


def is_archive(head: bytes) -> bool:
    """Whether a file with this beginning is a zip or tar archive, or a compressed file, which may contain a tar."""
    return head.startswith((*_ZIP, *MAGIC)) or head[257:262] == b"ustar"


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Opens a zip, a tar (compressed or not), a folder, or any other file, itself compressed or not, as an archive of one file.

    Raises TaxonomyError if it is missing, damaged, encrypted or unsafe.
    """
    with ExitStack() as stack:
        try:
            yield _open_path(path, stack)
        except OSError as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise TaxonomyError(f"{path} cannot be read: {reason}") from problem


def _open_path(path: Path, stack: ExitStack) -> Archive:
    if not path.exists():
        raise TaxonomyError(f"{path} does not exist")
    if path.is_dir():
        return _open_folder(path)
    raw = stack.enter_context(path.open("rb"))
    head = raw.read(512)
    raw.seek(0)
    if not is_archive(head) or holds_text(path, TaxonomyError):
        return Archive(path, (name_content(path).name,), lambda _: open_content(path, TaxonomyError))
    try:
        return (
            _open_zip(path, stack.enter_context(zipfile.ZipFile(raw)))
            if head[:2] == b"PK"
            else _open_tar(path, raw, head, stack)
        )
    except (*_READ_ERRORS, ValueError) as problem:
        raise TaxonomyError(
            f"{path} is a damaged or incomplete archive ({problem}); download or create it again"
        ) from problem


def _open_folder(path: Path) -> Archive:
    """Lists the files of a folder, and of its subfolders unless there are many (as in a collection of images)."""
    entries = sorted(path.iterdir())
    folders = [entry for entry in entries if entry.is_dir()]
    below = [file for folder in folders if len(folders) <= ARCHIVE_FOLDERS for file in sorted(folder.iterdir())]
    files = [file for file in (*entries, *below) if file.is_file()]
    _refuse_too_many(path, len(files))
    by_name: dict[str, Path] = {}
    for file in files:
        name = name_unpacked(file).relative_to(path).as_posix()
        if name not in by_name or file.suffix.lower() not in SUFFIXES:  # of a file and its packed copy, the former
            by_name[name] = file

    def open_file(name: str) -> AbstractContextManager[IO[bytes]]:
        file = resolve_inside(path, by_name[name].relative_to(path).as_posix(), TaxonomyError, str(path))
        return open_content(file, TaxonomyError)

    return Archive(path, tuple(filter(_is_user_file, by_name)), open_file)


def _open_zip(path: Path, archive: zipfile.ZipFile) -> Archive:
    files = [info for info in archive.infolist() if not info.is_dir()]
    for info in files:
        if info.external_attr >> 28 == 0o12:
            raise TaxonomyError(f"{path} contains a link, {info.filename}; pack the file itself")
        if info.flag_bits & 1:
            raise TaxonomyError(
                f"{path} is encrypted ({info.filename}); unpack it and pack it again without a password"
            )
    _refuse_names(path, [info.orig_filename for info in files])
    size = path.stat().st_size
    by_name = {info.filename: info for info in files}

    def open_member(name: str) -> AbstractContextManager[IO[bytes]]:
        info = by_name[name]
        packed = min(info.compress_size, size)  # what the directory says may be wrong
        return limit_size(archive.open(info), packed, f"{path}/{name}", TaxonomyError)

    return Archive(path, tuple(filter(_is_user_file, by_name)), open_member)


def _open_tar(path: Path, raw: IO[bytes], head: bytes, stack: ExitStack) -> Archive:
    plain = raw
    if head.startswith(MAGIC):
        plain = stack.enter_context(decompress(raw, head, path.stat().st_size, str(path), TaxonomyError))
        if not plain.seekable():
            raise TaxonomyError(f"{path} is a tar archive packed by a method that is not read; pack it as .tar.gz")
    archive = stack.enter_context(tarfile.TarFile(fileobj=plain))
    members: dict[str, tarfile.TarInfo] = {}
    for number, member in enumerate(archive, start=1):
        _refuse_too_many(path, number)  # folders, and files of one name, too
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise TaxonomyError(f"{path} contains a link or a device, {member.name}; pack the file itself")
        members[member.name.removeprefix("./")] = member
    _refuse_names(path, list(members))

    def open_member(name: str) -> AbstractContextManager[IO[bytes]]:
        stream = archive.extractfile(members[name])
        assert stream is not None  # it is a regular file
        return stream

    return Archive(path, tuple(filter(_is_user_file, members)), open_member)


def _refuse_names(path: Path, names: list[str]) -> None:
    _refuse_too_many(path, len(names))
    seen: set[str] = set()
    for name in names:
        if leaves_folder(name) or ".." in name.replace("\\", "/").split("/"):
            raise TaxonomyError(f"{path} contains a path outside the archive, {name!r}; it cannot be trusted")
        if name in seen:
            raise TaxonomyError(f"{path} contains two files named {name}; remove one")
        seen.add(name)


def _refuse_too_many(path: Path, count: int) -> None:
    if count > ARCHIVE_FILES:
        raise TaxonomyError(f"{path} contains more than {ARCHIVE_FILES:,} files; expected the few files of a checklist")


def _is_user_file(name: str) -> bool:
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
