"""Photos and results of a session on disk; in memory is only where they lie, so that thousands fit.

Legend: D embedding.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import torch

from bioclip_x.app.limits import AppError
from bioclip_x.inference.result_journal import pack_result, unpack_result
from bioclip_x.records import Result

CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """path: in the folder of the session. digest: the first 24 hex digits of the SHA-256 of its content."""

    path: Path
    digest: str
    size: int


class Store:
    """A folder that holds the photos as they came, and results with embeddings in one file that only grows.

    Threads: any number may read and write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._records = (folder / "results.bin").open("w+b", buffering=0)
        self._place_of: dict[str, tuple[int, int, int]] = {}
        self._end = 0

    @property
    def folder(self) -> Path:
        return self._folder

    def keep_file(self, name: str, content: IO[bytes], most: int) -> StoredFile:
        """Copies a file to the folder. name: made here, never by the page. Raises AppError if it is larger than `most`."""
        path, digest, size = self._folder / name, hashlib.sha256(), 0
        try:
            with path.open("wb") as target:
                while chunk := content.read(CHUNK):
                    size += len(chunk)
                    if size > most:
                        raise AppError(f"the file is larger than {most // (1 << 20):,} MiB", 413)
                    digest.update(chunk)
                    target.write(chunk)
        except OSError as problem:
            path.unlink(missing_ok=True)
            raise AppError(f"the file cannot be kept: {problem.strerror or problem}", 507) from problem
        except AppError:
            path.unlink(missing_ok=True)
            raise
        return StoredFile(path, digest.hexdigest()[:24], size)

    def put(self, key: str, result: Result, embedding_D: torch.Tensor | None) -> None:
        """Stores a result, in place of an earlier one of this key."""
        vector = b"" if embedding_D is None else embedding_D.float().numpy().astype("<f4").tobytes()
        packed = pack_result(result)
        with self._lock:
            os.lseek(self._records.fileno(), self._end, os.SEEK_SET)
            for part in (vector, packed):
                view = memoryview(part)
                while view:
                    view = view[os.write(self._records.fileno(), view) :]
            self._place_of[key] = (self._end, len(vector), len(packed))
            self._end += len(vector) + len(packed)

    def has_result(self, key: str) -> bool:
        with self._lock:
            return key in self._place_of

    def get_result(self, key: str) -> Result:
        """Raises AppError if there is none."""
        start, n_vector, n_packed = self._find(key)
        return unpack_result(self._read(start + n_vector, n_packed))

    def get_embedding(self, key: str) -> torch.Tensor | None:
        """Returns float32 [D], L2-normalised; None for an image that has none. Raises AppError for an unknown key."""
        start, n_vector, _ = self._find(key)
        if not n_vector:
            return None
        return torch.from_numpy(np.frombuffer(self._read(start, n_vector), "<f4").astype(np.float32))

    def clear_results(self) -> None:
        with self._lock:
            self._place_of.clear()
            self._records.truncate(0)
            self._end = 0

    def close(self) -> None:
        self._records.close()

    def _find(self, key: str) -> tuple[int, int, int]:
        with self._lock:
            place = self._place_of.get(key)
        if place is None:
            raise AppError("this image has no result yet", 409)
        return place

    def _read(self, start: int, size: int) -> bytes:
        with self._lock:
            os.lseek(self._records.fileno(), start, os.SEEK_SET)
            parts = []
            while size and (part := os.read(self._records.fileno(), size)):
                parts.append(part)
                size -= len(part)
        return b"".join(parts)
