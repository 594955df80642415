"""The output of a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bioclip_x.messages import pluralise
from bioclip_x.taxonomy.details import DetailColumns

CHUNK_SIZE: Final = 8192
"""Nodes per chunk of output."""


@dataclass(frozen=True, slots=True)
class Document:
    """A tree in some format.

    chunks: yields the content of the file in chunks, of text or (for binary formats) bytes. lost: descriptions, with
    counts, of what the format cannot represent.
    """

    chunks: Callable[[], Iterator[str]] | Callable[[], Iterator[bytes]]
    lost: tuple[str, ...] = ()


def count_details(columns: DetailColumns) -> Iterator[str]:
    """Describes and counts all details, for formats that cannot represent any."""
    for column in columns.columns:
        count = len(column.node_n)
        if column.role == "common":
            yield pluralise(count, f"taxon's common names ({column.key})", f"taxa's common names ({column.key})")
        elif column.role == "authorship":
            yield pluralise(count, "author")
        elif column.role == "synonyms":
            yield pluralise(count, "taxon's synonyms", "taxa's synonyms")
        else:
            yield pluralise(count, f"value of {column.key}", f"values of {column.key}")
