"""Partitions: contiguous runs of a run's sources, each of which becomes one file of results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bioclip_x.records import Source

PARTITION_SIZE: Final = 2048
"""Images per partition, unless another number is given."""


@dataclass(frozen=True)
class Partition:
    """Consecutive sources of a run. number: from 0, in the order of the sources."""

    number: int
    sources: tuple[Source, ...]

    @property
    def first(self) -> str:
        """Name of the first image."""
        return self.sources[0].name

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what identifies the sources: names, places, metadata and errors. Not of the files' contents."""
        digest = hashlib.sha256()
        for one in self.sources:
            fields = [one.name, str(one.path or ""), one.url, one.error, one.event, one.seconds]
            metadata = sorted((name, value) for name, value in one.metadata.items())
            digest.update(json.dumps([*fields, metadata]).encode() + b"\n")
        return digest.hexdigest()


def cut_into_partitions(sources: Iterable[Source], size: int) -> Iterator[Partition]:
    """Yields partitions of `size` sources; the last is smaller, and one that would end inside an event ends with it.

    Which sources share a partition depends on their order and `size` only, so that a second run cuts the same.
    """
    number, waiting = 0, list[Source]()
    for source in sources:
        waiting.append(source)
        if len(waiting) >= size and (not source.event or source.last_of_event):
            yield Partition(number, tuple(waiting))
            number, waiting = number + 1, []
    if waiting:
        yield Partition(number, tuple(waiting))
