"""Divides batches among processes, and each process's part into tasks of its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bioclip_x.errors import TrainingError
from bioclip_x.training.data.order import EpochOrder, Ints

LEAST_IMAGES: Final = 8
MOST_IMAGES: Final = 64
"""Images of a task: enough that its overhead is negligible, few enough that all workers share a batch."""


@dataclass(frozen=True, slots=True)
class Task:
    """The images of a chunk. step: of the epoch. position: of the first one in the epoch.

    image_size: (H, W) that images get. rows_b2: int64 [b, 2], (data set, image index). Epoch, step and position from 0.
    """

    epoch: int
    step: int
    position: int
    image_size: tuple[int, int]
    rows_b2: Ints


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of one process until `epochs` are complete, in order, from step `step` of epoch `epoch` on.

    spans: the parts of each batch that are one task each, see `split`. find_image_size: step of the run → (H, W).
    """

    order: EpochOrder
    batch_size: int
    spans: tuple[slice, ...]
    epochs: int
    epoch: int
    step: int
    find_image_size: Callable[[int], tuple[int, int]]

    def __iter__(self) -> Iterator[Task]:
        first_step, steps = self.step, self.order.length // self.batch_size
        for epoch in range(self.epoch, self.epochs):
            rows_n2 = self.order.draw(epoch)
            for step in range(first_step, steps):
                batch_B2 = rows_n2[step * self.batch_size : (step + 1) * self.batch_size]
                size = self.find_image_size(epoch * steps + step)
                for span in self.spans:
                    yield Task(epoch, step, step * self.batch_size + span.start, size, batch_B2[span])
            first_step = 0


def slice_batch(batch_size: int, rank: int, size: int) -> slice:
    """Returns the places of a batch that process `rank` of `size` processes takes.

    Raises TrainingError for a batch that cannot be divided evenly, with the nearest sizes that can.

    >>> slice_batch(12, 1, 3)
    slice(4, 8, None)
    """
    if batch_size % size:
        lower = batch_size // size * size
        near = " or ".join(str(one) for one in (lower, lower + size) if one > 0)
        raise TrainingError(
            f"batch_size: {batch_size} images cannot be divided among {size} processes; set it to {near}"
        )
    part = batch_size // size
    return slice(rank * part, (rank + 1) * part)


def split(part: slice, workers: int) -> tuple[slice, ...]:
    """Divides a part of a batch into one task per worker, or several of at most `MOST_IMAGES`.

    >>> split(slice(100, 120), 2)
    (slice(100, 110, None), slice(110, 120, None))
    """
    per_worker = -(-(part.stop - part.start) // max(workers, 1))
    size = min(max(per_worker, LEAST_IMAGES), MOST_IMAGES)
    return tuple(slice(start, min(start + size, part.stop)) for start in range(part.start, part.stop, size))
