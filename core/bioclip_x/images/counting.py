"""Lists or counts images before they are read, for progress and for matching them with a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bioclip_x.images.places.remote import is_url
from bioclip_x.images.sources import expand_sources
from bioclip_x.images.video import expand_videos

if TYPE_CHECKING:
    from bioclip_x.images.files import ImageFiles
    from bioclip_x.images.memory import ImageLike
    from bioclip_x.records import Source


def count_images(inputs: Sequence[ImageLike] | Any, files: ImageFiles | None = None) -> int | None:
    """Counts the images of files, folders, globs and tables, frames of videos, and those in memory; None where it cannot be done.

    It cannot for paths on stdin and iterators, which can be read only once, nor for URLs, which would be fetched twice.

    files: by which formats folders are searched.
    """
    sources = list_in_advance(inputs, files)
    if sources is None:
        return None
    frames = expand_videos(sources, files.frames if files else None)
    return sum(not isinstance(item, str | os.PathLike) for item in inputs) + sum(1 for _ in frames)


def list_in_advance(inputs: Sequence[ImageLike] | Any, files: ImageFiles | None = None) -> Iterator[Source] | None:
    """Yields the images of files, folders, globs and tables, without those in memory; None where `count_images` is None."""
    texts = [item for item in inputs if isinstance(item, str)] if isinstance(inputs, Sequence) else ["-"]
    if "-" in texts or any(map(is_url, texts)):
        return None
    return expand_sources([item for item in inputs if isinstance(item, str | os.PathLike)], files=files)
