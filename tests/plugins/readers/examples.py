"""Writes the examples that readers declare, as they are and packed."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from bioclip_x.hooks.capabilities import FormatExample, TaxonomyReaderCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda raw: pa.Codec("zstd").compress(raw, asbytes=True),
}


def list_examples(registry: Registry) -> Iterator[tuple[str, FormatExample]]:
    for name in registry.in_order("taxonomy_readers"):
        reader = registry.make("taxonomy_readers", name)
        example = get_capabilities(reader, TaxonomyReaderCapabilities).example
        if example:
            yield name, example


def write_example(example: FormatExample, folder: Path, suffix: str = "", encoding: str = "utf-8") -> Path:
    """Writes an example, packed if a suffix is given, and returns what is given to --taxonomy."""
    for name, text in example.files.items():
        file = folder / f"{name}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            source = pa.BufferReader(text.encode())
            pyarrow.parquet.write_table(pyarrow.csv.read_csv(source), file)
        else:
            raw = text.encode(encoding)
            file.write_bytes(PACKERS[suffix](raw) if suffix else raw)
    return folder / (example.path if example.path.endswith("/") else f"{example.path}{suffix}")
