"""Writes a file of embeddings so that an interrupted run can continue: rows go to a journal first.

The journal lies beside the output, and is deleted when the output is complete. A record holds the rows of one batch, so that
a run that continues computes the same batches, and gets the same numbers, as an unbroken one.

Legend: N rows of a batch, D embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bioclip_x.embed.embedder import Embedded
from bioclip_x.embed.files import format_provenance, open_embeddings, read_provenance
from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.journal import Journal, describe_differences, start_journal
from bioclip_x.io.storage.streams import check_folder
from bioclip_x.messages import pluralise
from bioclip_x.recipe import ONLY_SPEED
from bioclip_x.records import Embedding


def make_journal_path(output: Path) -> Path:
    """
    >>> make_journal_path(Path("birds.npz")).name
    'birds.npz.journal'
    """
    return output.with_name(f"{output.name}.journal")


def write_embeddings(
    embedded: Embedded,
    format_: str,
    output: Path,
    *,
    resume: bool = False,
    track: Callable[[Iterator[Embedding]], Iterator[Embedding]] = lambda rows: rows,
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Computes the embeddings and writes them to a file. Returns the number of rows without a vector.

    resume: continue an interrupted run; a file that is complete is left as it is. track: sees each row as it is computed.
    say: receives a message on what becomes of earlier work.

    Raises BioclipXError where a file cannot be written, and as `start_journal`: with `resume` where the earlier run was
    another, of another model or recipe or of other images or texts; without, where it was the same.
    """
    path = make_journal_path(output)
    if resume and output.exists() and not path.exists():
        _check_complete(embedded, read_provenance(format_, output), output)
        say(f"{output} is complete")
        return 0
    check_folder(output)
    journal, records = start_journal(path, _make_header(embedded), resume=resume)
    with journal:
        if journal.count:
            say(f"continues after {pluralise(journal.count, 'batch', 'batches')} of an interrupted run")
        columns = embedded.provenance.columns
        earlier = _decode_earlier(path, records, columns, embedded.provenance.dim)
        digest, failed = NamesDigest(), 0
        try:
            for row in track(_append_new(embedded, earlier, journal)):
                digest.add(row.about[columns[0]])
                failed += row.vector_D is None
        except KeyboardInterrupt:
            say(f"stopped; --resume continues after what is in {path}")
            raise
        with open_embeddings(format_, output, replace(embedded.provenance, sources=digest.dump())) as writer:
            for record in journal.records():
                for row in decode_batch(record, columns):
                    writer.write(row)
        journal.delete()
    return failed


class NamesDigest:
    """The number of names, and their SHA-256."""

    def __init__(self) -> None:
        self._count, self._digest = 0, hashlib.sha256()

    def add(self, name: str) -> None:
        self._count += 1
        self._digest.update(name.encode(errors="surrogatepass") + b"\0")

    def dump(self) -> dict[str, Any]:
        return {"count": self._count, "sha256": self._digest.hexdigest()}


def encode_batch(rows: Sequence[Embedding]) -> bytes:
    """Encodes rows as a line of JSON, with their columns and whether each has a vector, and the vectors, float32 [N, D]."""
    head = [[*row.about.values(), row.vector_D is not None] for row in rows]
    vectors = [row.vector_D.astype("<f4").tobytes() for row in rows if row.vector_D is not None]
    return json.dumps(head).encode() + b"\n" + b"".join(vectors)


def decode_batch(record: bytes, columns: Sequence[str]) -> list[Embedding]:
    """Decodes what `encode_batch` encoded."""
    line, _, raw = record.partition(b"\n")
    head = json.loads(line)
    present = [has_vector for *_, has_vector in head]
    vectors = iter(np.frombuffer(bytearray(raw), "<f4").reshape(sum(present), -1) if any(present) else ())
    return [Embedding(dict(zip(columns, cells)), next(vectors) if has_vector else None) for *cells, has_vector in head]


def _decode_earlier(
    path: Path, records: Iterator[bytes], columns: Sequence[str], dim: int
) -> Iterator[list[Embedding]]:
    """Decodes the batches of a journal. Raises BioclipXError for a record that is none."""
    for number, record in enumerate(records):
        try:
            batch = decode_batch(record, columns)
            if not all(_is_row(row, len(columns), dim) for row in batch):
                raise ValueError
        except (ValueError, TypeError, LookupError, StopIteration, RecursionError):
            raise BioclipXError(
                f"{path} is damaged: its record {number + 1} is no batch of embeddings; delete the file to start anew"
            ) from None
        yield batch


def _is_row(row: Embedding, n_columns: int, dim: int) -> bool:
    is_named = len(row.about) == n_columns and all(isinstance(cell, str) for cell in row.about.values())
    vector_D = row.vector_D
    return is_named and (vector_D is None or (vector_D.shape == (dim,) and bool(np.isfinite(vector_D).all())))


def _append_new(embedded: Embedded, earlier: Iterator[list[Embedding]], journal: Journal) -> Iterator[Embedding]:
    """Yields all rows; those that are not in the journal are appended to it."""
    n_earlier = journal.count
    for number, batch in enumerate(embedded.after(earlier)):
        if number >= n_earlier:
            try:
                journal.append(encode_batch(batch))
            except BioclipXError as problem:
                raise BioclipXError(f"{problem}; free some space and run the same command with --resume") from problem
        yield from batch


def _make_header(embedded: Embedded) -> dict[str, Any]:
    return {**simplify(json.loads(format_provenance(embedded.provenance))), "request": embedded.request}


def simplify(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what two runs must have in common. provenance: as JSON."""
    kept = {name: value for name, value in provenance.items() if name not in ("notes", "sources")}
    recipe = {name: value for name, value in kept["recipe"].items() if name not in ONLY_SPEED}
    return {**kept, "recipe": recipe}


def _check_complete(embedded: Embedded, found: Mapping[str, Any], output: Path) -> None:
    """Raises BioclipXError where a file is of another run. The version may differ: the file is not continued."""
    digest = NamesDigest()
    for name in embedded.names():
        digest.add(name)
    now = simplify(json.loads(format_provenance(embedded.provenance)))
    now |= {"sources": digest.dump(), "version": found.get("version")}
    before = {**simplify({"recipe": {}, **found}), "sources": found.get("sources")}
    if differences := describe_differences(before, now):
        raise BioclipXError(
            f"{output} is of another run: {'; '.join(differences)}. Give another --output, or leave out --resume to write it "
            "again"
        )
