"""What a writer makes of a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bioclip_x.messages import pluralise
from bioclip_x.taxonomy.details import DetailColumns

AT_ONCE: Final = 8192
"""Nodes that are written in one piece."""


@dataclass(frozen=True, slots=True)
class Document:
    """pieces: called, yields the file, text or (binary) bytes, piece by piece. lost: what of the tree the format cannot
    hold, in words, counted.
    """

    pieces: Callable[[], Iterator[str]] | Callable[[], Iterator[bytes]]
    lost: tuple[str, ...] = ()


def count_details(columns: DetailColumns) -> Iterator[str]:
    """All that the details hold, counted: for formats that hold none of it."""
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
