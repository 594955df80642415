"""Embeds many texts in parts. What is done is kept in a journal, from which an interrupted run continues.

Legend: P texts, D embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bioclip_x.caches import clear_place, prepare
from bioclip_x.errors import BioclipXError
from bioclip_x.faults import naming
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.hooks.returned import check_tensor
from bioclip_x.io.storage.journal import Journal

CHUNK: Final = 4096
"""Texts embedded between two progress reports, and lost at most by an interrupt."""


def embed_texts(
    encoder: LoadedEncoder,
    texts: Sequence[str],
    journal: Path | None,
    progress: Callable[[int, int], None],
) -> torch.Tensor:
    """Returns the embeddings of distinct texts, unit rows, float32 [P, D].

    journal: the file to continue from, deleted at the end; its name identifies the texts and the model. None for none. It is
    not used for texts that are embedded in one go, nor where it cannot be written. progress: called with (embedded, total).
    """
    parts: list[torch.Tensor] = []
    with _Parts(journal if len(texts) > CHUNK else None, encoder.card.dim, texts) as stored:
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            part_PD = next(stored.earlier, None)
            if part_PD is None:
                with naming(encoder, "encode_texts", f"the texts from {chunk[0]!r}"):
                    part_PD = encoder.encode_texts(chunk)
                check_tensor(encoder, "encode_texts", part_PD, (len(chunk), encoder.card.dim))
                stored.append(part_PD)
            parts.append(part_PD)
            progress(min(start + CHUNK, len(texts)), len(texts))
        return torch.cat(parts) if parts else torch.empty(0, encoder.card.dim)


class _Parts:
    """The parts in a journal. earlier: those of an interrupted run. Deletes the journal after success.

    A file in the journal's place that is of other texts, or no journal, is deleted; so are parts that are no embeddings.
    """

    def __init__(self, path: Path | None, dim: int, texts: Sequence[str]) -> None:
        self.earlier: Iterator[torch.Tensor] = iter(())
        self._journal: Journal | None = None
        self._dim = dim
        if path is None:
            return
        digest = hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()
        header = {"texts": digest, "dim": dim, "chunk": CHUNK}
        with suppress(OSError, BioclipXError):  # the cache is read-only, or another run embeds the same texts
            prepare(path)
            clear_place(path)
            self._journal, _ = Journal.open(path, header, replace="anything")
            self.earlier = self._read(
                self._journal, [min(CHUNK, len(texts) - start) for start in range(0, len(texts), CHUNK)]
            )

    def __enter__(self) -> _Parts:
        return self

    def _read(self, journal: Journal, lengths: Sequence[int]) -> Iterator[torch.Tensor]:
        """Yields the parts, of these numbers of texts, up to the first that is none, from which on they are dropped."""
        for number, (place, record) in enumerate(journal.items()):
            part_PD = _to_part(record, lengths[number], self._dim) if number < len(lengths) else None
            if part_PD is None:
                journal.truncate(place, number)
                return
            yield part_PD

    def append(self, part_PD: torch.Tensor) -> None:
        if self._journal:
            try:
                self._journal.append(part_PD.numpy().astype("<f4").tobytes())
            except BioclipXError:  # the disk is full
                self._journal.delete()
                self._journal = None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._journal:
            if kind is None:
                self._journal.delete()
            else:
                self._journal.close()


def _to_part(record: bytes, count: int, dim: int) -> torch.Tensor | None:
    """Returns the embeddings [count, D] of a record; None if it is something else."""
    if len(record) != 4 * count * dim:
        return None
    part_PD = torch.from_numpy(np.frombuffer(bytearray(record), "<f4").reshape(count, dim))
    return part_PD if bool(part_PD.isfinite().all()) else None
