"""Decodes images in threads while the model runs, at most a few batches ahead."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.faults import log_row
from bioclip_x.images.decoding import make_thumbnail
from bioclip_x.images.files import ImageFiles
from bioclip_x.records import Decoded, Source

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

BATCHES_AHEAD = 2


def decode(
    source: Source,
    preprocess: Callable[[Image], torch.Tensor],
    with_thumbnail: bool = False,
    files: ImageFiles | None = None,
) -> Decoded:
    """Decodes one source to pixels. An invalid image gives a record with an error; it never raises."""
    try:
        opened = (files or ImageFiles()).read(source)
        image = opened.image
        small = make_thumbnail(image) if with_thumbnail else None
        width, height = opened.size
        known = replace(source, metadata={**opened.metadata, **source.metadata})
        return Decoded(known, preprocess(image), width=width, height=height, thumbnail=small, notes=opened.notes)
    except (ImageError, ComponentError) as problem:
        log_row(problem)
        return Decoded(source, error=str(problem))
    except Exception as problem:  # broken images in memory, and preprocessing that rejects a shape
        return Decoded(source, error=f"cannot be decoded: {problem}")


def load_batches(
    sources: Iterable[Source],
    preprocess: Callable[[Image], torch.Tensor],
    *,
    batch_size: int,
    workers: int | None = None,
    with_thumbnail: bool = False,
    files: ImageFiles | None = None,
) -> Iterator[list[Decoded]]:
    """Yields batches of decoded images in the order of their sources. Memory is bounded by a few batches.

    files: how image files are read; None for Pillow's formats only.
    """
    waiting: deque[Future[Decoded]] = deque()
    remaining = iter(sources)
    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1), "decode") as pool:
        try:
            while True:
                room = (1 + BATCHES_AHEAD) * batch_size - len(waiting)
                waiting.extend(
                    pool.submit(decode, s, preprocess, with_thumbnail, files) for s in islice(remaining, room)
                )
                if not waiting:
                    return
                yield [waiting.popleft().result() for _ in range(min(batch_size, len(waiting)))]
        finally:
            for future in waiting:
                future.cancel()
