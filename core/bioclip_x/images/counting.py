"""Counts images before they are read, for progress."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bioclip_x.images.sources import expand_sources

if TYPE_CHECKING:
    from bioclip_x.images.sources import ImageLike


def count_images(inputs: Sequence[ImageLike] | Any) -> int | None:
    """Counts the images of files, folders and globs, and those in memory; None where that is not possible in advance.

    It is not for paths on stdin and for iterators, which can be read only once.
    """
    if not isinstance(inputs, Sequence) or "-" in [item for item in inputs if isinstance(item, str)]:
        return None
    paths = [item for item in inputs if isinstance(item, str | os.PathLike)]
    return len(inputs) - len(paths) + sum(1 for _ in expand_sources(paths))
