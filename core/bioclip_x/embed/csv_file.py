"""CSV: a row per embedding, a column per dimension; the provenance is in a second file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.embed.files import format_numbers, format_provenance
from bioclip_x.io.storage.replacement import is_written_in_place
from bioclip_x.io.storage.streams import open_output
from bioclip_x.records import Embedding, EmbeddingProvenance


@contextmanager
def open_csv(output: Path | None, provenance: EmbeddingProvenance) -> Iterator[_Writer]:
    """Opens a CSV file; the provenance goes to FILE.provenance.json."""
    with open_output(output) as stream:
        yield _Writer(stream, provenance)
        if output is not None and not is_written_in_place(output):  # /dev/stdout has no second file
            with open_output(make_sidecar_path(output)) as sidecar:
                sidecar.write(format_provenance(provenance, indent=2) + "\n")


def make_sidecar_path(output: Path) -> Path:
    return output.with_name(f"{output.name}.provenance.json")


def read_provenance(output: Path) -> str:
    return make_sidecar_path(output).read_text("utf-8")


class _Writer:
    def __init__(self, stream: Any, provenance: EmbeddingProvenance) -> None:
        self._stream, self._columns, self._dim = stream, provenance.columns, provenance.dim
        self._put([*self._columns, *(f"e{d}" for d in range(self._dim))], "")

    def write(self, row: Embedding) -> None:
        vector = "," * self._dim if row.vector_D is None else f",{format_numbers(row.vector_D.tolist())}"
        self._put([row.about[column] for column in self._columns], vector)

    def _put(self, cells: Sequence[str], rest: str) -> None:
        text = io.StringIO(newline="")
        # Before version 3.13 Python's writer does not quote carriage returns, at which readers end the line.
        has_return = any("\r" in cell for cell in cells)
        csv.writer(text, lineterminator="", quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL).writerow(cells)
        self._stream.write(f"{text.getvalue()}{rest}\n")
