"""Opens files as the text that they hold: compressed ones (.gz, .bz2, .xz, .zst) unpacked, a workbook (.xlsx) as CSV.

All text files are opened here, so every reader of a text format reads them.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from bioclip_x.errors import BioclipXError
from bioclip_x.io import compression, spreadsheets

_TAR_HEADER: Final = 512


@contextmanager
def open_content(path: Path, error: type[BioclipXError] = BioclipXError) -> Iterator[IO[bytes]]:
    """Opens the content of a file. A tar archive that is compressed is not unpacked: see `archives.open_archive`.

    Raises OSError as `Path.open` does, and `error` for a damaged file, a zip bomb, and a workbook that cannot be read.
    """
    with path.open("rb") as raw:
        head = raw.peek(_TAR_HEADER)[:_TAR_HEADER]  # not read: a pipe can be read only once
        spreadsheets.refuse_other_spreadsheets(path, head, error)
        if head.startswith(compression.MAGIC):
            with _unpack(path, raw, head, error) as content:
                yield content
        elif raw.seekable() and spreadsheets.is_workbook(head, raw):
            yield io.BytesIO(spreadsheets.read_sheet(path, error).csv)
        else:
            if raw.seekable():
                raw.seek(0)
            yield raw


@contextmanager
def _unpack(path: Path, raw: io.BufferedReader, head: bytes, error: type[BioclipXError]) -> Iterator[IO[bytes]]:
    with compression.decompress(raw, head, path.stat().st_size, str(path), error) as content:
        assert isinstance(content, io.BufferedReader)
        if is_tar(content.peek(_TAR_HEADER)):
            raise error(f"{path} is an archive; expected a single file")
        yield content


def is_tar(head: bytes) -> bool:
    """Whether the first 512 bytes are the header of a tar archive: its checksum is right."""
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_HEADER], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def holds_text(path: Path, error: type[BioclipXError] = BioclipXError) -> bool:
    """Whether a file is a compressed one or a workbook, whose content `open_content` gives; False for archives and others.

    Raises like `open_content`.
    """
    if not path.is_file():
        return False
    with path.open("rb") as raw:
        head = raw.read(_TAR_HEADER)
        raw.seek(0)
        spreadsheets.refuse_other_spreadsheets(path, head, error)
        if not head.startswith(compression.MAGIC):
            return spreadsheets.is_workbook(head, raw)
        with compression.decompress(raw, head, path.stat().st_size, str(path), error) as content:
            return not is_tar(content.read(_TAR_HEADER))


def read_content_head(path: Path, size: int, error: type[BioclipXError] = BioclipXError) -> bytes:
    """Reads the first bytes of a file's content; of an archive, its own."""
    if not holds_text(path, error):
        with path.open("rb") as raw:
            return raw.read(size)
    with open_content(path, error) as content:
        return content.read(size)


def name_content(path: Path) -> Path:
    """Returns the path without the suffix of a compressed file, and with .csv for that of a workbook.

    >>> [name_content(Path(name)).name for name in ("tree.nwk.gz", "birds.xlsx", "birds.tar")]
    ['tree.nwk', 'birds.csv', 'birds.tar']
    """
    if path.suffix.lower() in spreadsheets.SUFFIXES:
        return path.with_suffix(".csv")
    return compression.name_unpacked(path)


def describe_content(path: Path, error: type[BioclipXError] = BioclipXError) -> str:
    """Says which sheet of a workbook was read, if it has others; "" for any other file."""
    if not path.is_file():
        return ""
    with path.open("rb") as raw:
        if not spreadsheets.is_workbook(raw.read(4), raw):
            return ""
    sheet = spreadsheets.read_sheet(path, error)
    if not sheet.others:
        return ""
    others = ", ".join(map(repr, sheet.others))
    return f"{path}: the sheet {sheet.name!r} is read, not {others}; save another one as CSV to read it"
