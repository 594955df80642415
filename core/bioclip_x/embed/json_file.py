"""JSON, an extension of pybioclip's format: {"model", "provenance", "embeddings", "rows"}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.embed.files import format_numbers, format_provenance
from bioclip_x.io.storage.streams import escape_surrogates, open_output
from bioclip_x.records import Embedding, EmbeddingProvenance


@contextmanager
def open_json(output: Path | None, provenance: EmbeddingProvenance) -> Iterator[_Writer]:
    """Opens a JSON file: `embeddings` maps image paths or texts to vectors; `rows` has all rows in order, without vectors.

    Repeated names appear once in `embeddings`, as their vectors are equal. Names are kept in memory until the end.
    """
    with open_output(output) as stream:
        stream.write(f'{{"model": {_quote(provenance.model)},\n"provenance": {format_provenance(provenance)},\n')
        stream.write('"embeddings": {')
        writer = _Writer(stream, provenance.columns)
        yield writer
        stream.write(f'\n}},\n"rows": [{",".join(writer.rows)}\n]}}\n')


def read_provenance(output: Path) -> str:
    """Reads it from the second line; the file may be large."""
    with output.open("rb") as stream:
        stream.readline()
        return stream.readline().decode().removeprefix('"provenance": ').rstrip(",\n")


class _Writer:
    """rows: each row's columns, as JSON."""

    def __init__(self, stream: Any, columns: tuple[str, ...]) -> None:
        self._stream, self._columns = stream, columns
        self._written: set[str] = set()
        self.rows: list[str] = []

    def write(self, row: Embedding) -> None:
        name = row.about[self._columns[0]]
        if row.vector_D is not None and name not in self._written:
            comma = "," if self._written else ""
            self._stream.write(f"{comma}\n{_quote(name)}: [{format_numbers(row.vector_D.tolist())}]")
            self._written.add(name)
        cells = (
            f'"{column}": {_quote(row.about[column]) if row.about[column] else "null"}' for column in self._columns
        )
        self.rows.append(f"\n{{{', '.join(cells)}}}")


def _quote(text: str) -> str:
    return json.dumps(escape_surrogates(text), ensure_ascii=False)
