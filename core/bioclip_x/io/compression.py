"""Reads compressed streams (.gz, .bz2, .xz, .zst), with a limit on what they unpack to."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

from bioclip_x.errors import BioclipXError
from bioclip_x.limits import UNPACKED_BYTES, UNPACKED_FREE, UNPACKED_RATIO

SUFFIXES: Final = (".gz", ".bz2", ".xz", ".zst")

READ_ERRORS: Final = (zlib.error, lzma.LZMAError, EOFError, OSError)
"""Exceptions raised on reading a damaged stream."""


def _open_zstd(stream: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(stream, "zstd")


_DECOMPRESSORS: Final[Mapping[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open, b"\x28\xb5\x2f\xfd": _open_zstd,
}  # fmt: skip

MAGIC: Final = tuple(_DECOMPRESSORS)
"""First bytes of compressed files."""


def name_unpacked(path: Path) -> Path:
    """Returns the path without the suffix of a compressed file."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def decompress(stream: IO[bytes], head: bytes, packed: int, where: str, error: type[BioclipXError]) -> IO[bytes]:
    """Returns the unpacked stream of a compressed one that begins with `head`, one of `MAGIC`.

    Reading raises `error` for a damaged file, and for one that unpacks to far more than `packed` bytes.
    """
    opener = next(opener for magic, opener in _DECOMPRESSORS.items() if head.startswith(magic))
    return limit_size(opener(stream), packed, where, error)


def limit_size(stream: IO[bytes], packed: int, where: str, error: type[BioclipXError]) -> IO[bytes]:
    """Wraps an unpacked stream so that reading raises `error` once it is far longer than its `packed` bytes."""
    return io.BufferedReader(_SizeLimitedStream(stream, packed, where, error), 1 << 18)


class _SizeLimitedStream(io.RawIOBase):
    """An unpacked stream that counts its bytes."""

    def __init__(self, stream: IO[bytes], packed: int, where: str, error: type[BioclipXError]) -> None:
        self._stream, self._where, self._error = stream, where, error
        self._limit = min(UNPACKED_BYTES, max(UNPACKED_FREE, UNPACKED_RATIO * packed))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except READ_ERRORS as problem:
            reason = str(problem) or "its end is missing"
            raise self._error(
                f"{self._where} is damaged or incomplete ({reason}); download or create it again"
            ) from problem
        buffer[: len(data)] = data
        self._move_to(self._position + len(data))
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0:
            self._move_to(offset)  # skipping unpacks, too
        self._position = self._stream.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _move_to(self, position: int) -> None:
        if position > self._limit:
            raise self._error(
                f"{self._where} unpacks to more than {self._limit >> 20:,} MiB, {UNPACKED_RATIO} times its size, and is refused "
                "as a zip bomb; if it is none, unpack it and give the result"
            )
        self._position = position
