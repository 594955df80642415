"""Files of embeddings. One module per format; each opens a file (or standard output) and writes rows as they arrive.

Formats are imported by `open_embeddings`, so that this module is fast to import.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from bioclip_x.errors import BioclipXError

if TYPE_CHECKING:
    from bioclip_x.records import Embedding, EmbeddingProvenance

FORMATS: Final = {"json": (".json",), "csv": (".csv",), "npz": (".npz",), "parquet": (".parquet", ".pq")}
"""Format → suffixes of its files."""
BINARY: Final = frozenset({"npz", "parquet"})


class EmbeddingWriter(Protocol):
    def write(self, row: Embedding) -> None: ...


def open_embeddings(
    format_: str, output: Path | None, provenance: EmbeddingProvenance
) -> AbstractContextManager[EmbeddingWriter]:
    """Opens a writer to a file, which appears only when complete, or to standard output for None.

    Raises BioclipXError for a file that cannot be written, and for a binary format on a terminal.
    """
    module = import_module(f"bioclip_x.embed.{format_}_file")
    writer: AbstractContextManager[EmbeddingWriter] = getattr(module, f"open_{format_}")(output, provenance)
    return writer


def read_provenance(format_: str, output: Path) -> dict[str, Any]:
    """Reads the provenance of a file that a writer of this format wrote. Raises BioclipXError for any other file."""
    module = import_module(f"bioclip_x.embed.{format_}_file")
    try:
        provenance = json.loads(module.read_provenance(output))
    except Exception as problem:  # readers raise almost anything on files of other formats
        raise BioclipXError(
            f"{output} exists and is no {format_} file of embeddings with its provenance, so it cannot be continued; give "
            "another --output, or leave out --resume"
        ) from problem
    if not isinstance(provenance, dict):
        raise BioclipXError(f"{output} has a damaged provenance; leave out --resume to write it again")
    return provenance


def format_provenance(provenance: EmbeddingProvenance, indent: int | None = None) -> str:
    """Formats the provenance as JSON, which all formats contain."""
    document = asdict(provenance) | {"demo": provenance.demo or None, "taxonomy": provenance.taxonomy or None}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent, default=str)


def format_numbers(vector: list[float]) -> str:
    """Formats numbers with nine digits, which represent a float32 exactly, separated by commas.

    >>> format_numbers([0.1, -2.0, 1e-9])
    '0.1,-2,1e-09'
    """
    return ",".join(map("%.9g".__mod__, vector))
