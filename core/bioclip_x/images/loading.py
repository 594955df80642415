"""Decodes images in threads while the model runs, at most a few batches ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.faults import log_row
from bioclip_x.images.decoding import make_thumbnail
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.threads import DecodeThreads
from bioclip_x.limits import REASON_CHARACTERS
from bioclip_x.messages import shorten
from bioclip_x.records import Decoded, Source
from bioclip_x.regions.reading import RegionReader

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

BATCHES_AHEAD = 2


def decode(
    source: Source,
    preprocess: Callable[[Image], torch.Tensor],
    with_thumbnail: bool = False,
    files: ImageFiles | None = None,
    regions: RegionReader | None = None,
) -> list[Decoded]:
    """Decodes one source to pixels: one record for the image, or one for each of its regions.

    An invalid image gives a record with an error; it never raises. regions: finds them; None for the whole image. Those before
    `source.first_region` are left out.
    """
    files = files or ImageFiles()
    try:
        opened = files.read(source)
        image = opened.image
        small = make_thumbnail(image) if with_thumbnail else None
        width, height = opened.size
        known = replace(source, metadata={**opened.metadata, **source.metadata})
        whole = Decoded(known, width=width, height=height, thumbnail=small, notes=opened.notes)
        if regions is None:
            return [replace(whole, pixels=preprocess(image))]
        return list(regions.read(whole, image, preprocess))
    except (ImageError, ComponentError) as problem:
        log_row(problem)
        known = replace(
            source, metadata={**files.read_metadata(source), **source.metadata}
        )  # an incomplete file may tell
        return [Decoded(known, error=make_reason(problem))]
    except Exception as problem:  # broken images in memory, and preprocessing that rejects a shape
        return [Decoded(source, error=f"cannot be decoded: {make_reason(problem)}")]


def make_reason(problem: Exception) -> str:
    """Returns a message in one line that is not too long: libraries quote what they do not understand, line ends included."""
    return shorten(" ".join(str(problem).split()), REASON_CHARACTERS)


def load_batches(
    sources: Iterable[Source],
    preprocess: Callable[[Image], torch.Tensor],
    *,
    batch_size: int,
    workers: int | None = None,
    with_thumbnail: bool = False,
    files: ImageFiles | None = None,
    regions: RegionReader | None = None,
) -> Iterator[list[Decoded]]:
    """Yields batches of decoded images, or of their regions, in the order of their sources.

    Memory is bounded by a few batches, and by the regions of one image. files: how image files are read; None for Pillow's
    formats only. regions: see `decode`.
    """
    waiting: deque[Future[list[Decoded]]] = deque()
    ready: deque[Decoded] = deque()
    remaining = iter(sources)
    with DecodeThreads(workers) as pool:
        try:
            while True:
                room = (1 + BATCHES_AHEAD) * batch_size - len(waiting)
                waiting.extend(
                    pool.submit(decode, s, preprocess, with_thumbnail, files, regions) for s in islice(remaining, room)
                )
                while waiting and len(ready) < batch_size:
                    ready.extend(waiting.popleft().result())
                if not ready:
                    return
                yield [ready.popleft() for _ in range(min(batch_size, len(ready)))]
        finally:
            for future in waiting:
                future.cancel()
