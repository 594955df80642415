"""NumPy npz: `embeddings` [N, D], an array of texts for each column, and the provenance as JSON."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from bioclip_x.embed.files import format_provenance
from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.streams import (
    BinaryStream,
    escape_surrogates,
    make_temporary_folder,
    open_binary_output,
    refuse_terminal,
)
from bioclip_x.records import Embedding, EmbeddingProvenance

TEXTS_AT_A_TIME: Final = 1024
TIMESTAMP: Final = (1980, 1, 1, 0, 0, 0)
"""The time stamp of every member, so that equal embeddings give equal bytes."""


@contextmanager
def open_npz(output: Path | None, provenance: EmbeddingProvenance) -> Iterator[_Writer]:
    """Opens an npz file: `embeddings` float32 [N, D], NaN for images without one; an array of texts [N] for each column;
    `provenance`.

    The number of rows is known only at the end, so vectors go to a temporary file beside the output and texts stay in memory.
    """
    refuse_terminal(output, "npz")
    folder = make_temporary_folder(output)
    with open_binary_output(output) as raw, _open_scratch(folder) as vectors:
        writer = _Writer(BinaryStream(vectors, output or folder), provenance)
        yield writer
        _write_archive(raw, vectors, writer, provenance)


def read_provenance(output: Path) -> str:
    with np.load(output, allow_pickle=False) as file:
        return str(file["provenance"])


@contextmanager
def _open_scratch(folder: Path) -> Iterator[IO[bytes]]:
    """Opens a temporary file. Raises BioclipXError where it cannot be written, also what is written on closing it."""
    try:
        with tempfile.TemporaryFile(dir=folder) as scratch:
            yield scratch
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise BioclipXError(
            f"a temporary file in {folder} cannot be written: {problem.strerror or problem}"
        ) from problem


class _Writer:
    """texts: by column."""

    def __init__(self, vectors: BinaryStream, provenance: EmbeddingProvenance) -> None:
        self._vectors = vectors
        self._missing = np.full(provenance.dim, np.nan, "<f4").tobytes()
        self.texts: dict[str, list[str]] = {column: [] for column in provenance.columns}

    def write(self, row: Embedding) -> None:
        self._vectors.write(self._missing if row.vector_D is None else row.vector_D.astype("<f4").tobytes())
        for column, texts in self.texts.items():
            texts.append(escape_surrogates(row.about[column]))


def _write_archive(raw: Any, vectors: IO[bytes], writer: _Writer, provenance: EmbeddingProvenance) -> None:
    count = len(writer.texts[provenance.columns[0]])
    vectors.seek(0)
    with zipfile.ZipFile(raw, "w") as archive:
        with _open_member(archive, "embeddings") as member:
            shape = (count, provenance.dim)
            np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
            shutil.copyfileobj(vectors, member, 1 << 20)
        for column, texts in writer.texts.items():
            _write_texts(archive, column, texts)
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.array(format_provenance(provenance)), allow_pickle=False)
        with _open_member(archive, "provenance", zipfile.ZIP_DEFLATED) as member:
            member.write(buffer.getvalue())


def _write_texts(archive: zipfile.ZipFile, name: str, texts: Sequence[str]) -> None:
    """Writes an array of texts, all as wide as the longest; in chunks, because one long text makes all of them wide."""
    dtype = np.dtype(f"<U{max(map(len, texts), default=1) or 1}")
    with _open_member(archive, name, zipfile.ZIP_DEFLATED) as member:
        header = {"descr": dtype.str, "fortran_order": False, "shape": (len(texts),)}
        np.lib.format.write_array_header_1_0(member, header)
        for start in range(0, len(texts), TEXTS_AT_A_TIME):
            member.write(np.array(texts[start : start + TEXTS_AT_A_TIME], dtype).tobytes())


def _open_member(archive: zipfile.ZipFile, name: str, compression: int = zipfile.ZIP_STORED) -> IO[bytes]:
    info = zipfile.ZipInfo(f"{name}.npy", TIMESTAMP)
    info.compress_type = compression
    return archive.open(info, "w", force_zip64=True)
