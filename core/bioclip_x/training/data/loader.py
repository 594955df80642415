"""Makes batches of images and texts in worker processes, ahead of the training step.

A batch is divided into tasks. A worker reads and augments a task's images, draws and tokenises their texts, and returns a
chunk; the main process joins the chunks. Every number is a function of (seed, epoch, position), so batches do not depend on
how many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Literal

import numpy as np
from PIL.Image import Image
from torch.utils.data import get_worker_info

from bioclip_x.errors import TrainingError
from bioclip_x.training.config import Augment
from bioclip_x.training.data.augment import View, apply_geometry, changes_colour, draw_colour_factors
from bioclip_x.training.data.batch import Batch, Chunk, Crop, Example, join_chunks, make_chunk
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.incidents import Incidents
from bioclip_x.training.data.order import EpochOrder, make_sample_rng, make_view_rng
from bioclip_x.training.data.tasks import Task, Tasks, slice_batch, split
from bioclip_x.training.data.texts import TextSampler
from bioclip_x.training.data.tokens import Tokens
from bioclip_x.worker_processes import run_tasks

AHEAD: Final = 2
"""Batches made in advance."""


@dataclass(frozen=True, slots=True)
class ChunkMaker:
    """Makes chunks of batches, in any process.

    augments: of the image, then of each further view. prefixes: of the texts of each data set. texts_per_image: drawn.
    text_per: whether the kind of text is drawn for each image, or once for a batch.
    """

    images: ImageReader
    texts: TextSampler
    tokens: Tokens
    view: View
    augments: tuple[Augment, ...]
    prefixes: tuple[str, ...]
    texts_per_image: int
    text_per: Literal["image", "batch"]
    seed: int

    def __call__(self, task: Task) -> Chunk:
        # Every process draws the same kind for a batch.
        kind = self.texts.draw_kind(self.seed, task.epoch, task.step) if self.text_per == "batch" else None
        places = range(task.position, task.position + len(task.rows_b2))
        rows = zip(places, task.rows_b2.tolist())
        chunk = make_chunk([self._make_example(task, kind, position, *row) for position, row in rows], self.tokens)
        return chunk if get_worker_info() is None else _share(chunk)

    def _make_example(self, task: Task, kind: int | None, position: int, source: int, index: int) -> Example:
        rng = make_sample_rng(self.seed, task.epoch, position)
        read, prefix = self.images.read(source, index), self.prefixes[source]
        sample = read.sample
        drawn = [self.texts(sample.node, sample.texts, rng, kind) for _ in range(self.texts_per_image)]
        drawn += [
            self.texts(node, sample.texts if node < 0 else (), rng, kind)
            for node in self.texts.find_at_ranks(sample.node)
        ]
        view = replace(self.view, size=task.image_size)
        crops = [_crop(read.image, view, self.augments[0], rng)]
        for number, augment in enumerate(self.augments[1:]):
            crops.append(_crop(read.image, view, augment, make_view_rng(self.seed, task.epoch, position, number)))
        return Example(
            source,
            sample,
            tuple(crops),
            texts=tuple(prefix + text for text in drawn),
            nodes=tuple(self.texts.node_of_text.get(text, -1) for text in drawn),
            own_texts=tuple(prefix + text for text in sample.texts),
            replaced=read.replaced,
            noted=read.noted,
        )


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes the batches of a run, from any step on.

    batch_size: of all processes. rank, size: of this process, and their number. workers: processes that make chunks; 0: this
    one makes them. context: how they are started, see `run_tasks`. pin: put the pixels into page-locked memory, from which
    they are copied to a GPU in the background. find_image_size: step of the run → (H, W), None for that of `make.view` at
    each step. incidents: of the batches that were yielded.
    """

    make: ChunkMaker
    order: EpochOrder
    batch_size: int
    workers: int
    rank: int = 0
    size: int = 1
    pin: bool = False
    context: str | None = None
    find_image_size: Callable[[int], tuple[int, int]] | None = None
    incidents: Incidents = field(default_factory=Incidents)

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches of an epoch; an incomplete last one is dropped."""
        return self.order.length // self.batch_size

    def batches(self, epochs: int, epoch: int = 0, step: int = 0) -> Generator[Batch, None, None]:
        """Yields this process's batches until `epochs` are complete, from step `step` of epoch `epoch` (from 0) on.

        Raises what a worker raised, and TrainingError if one died. Workers end with the iterator.
        """
        spans = split(slice_batch(self.batch_size, self.rank, self.size), self.workers)
        changes = [changes_colour(augment) for augment in self.make.augments]
        find_image_size = self.find_image_size or (lambda step: self.make.view.size)
        tasks = Tasks(self.order, self.batch_size, spans, epochs, epoch, step, find_image_size)
        made = run_tasks(self.make, tasks, workers=self.workers, ahead=AHEAD * len(spans), context=self.context)
        with closing(made):
            while chunks := list(islice(made, len(spans))):
                batch = join_chunks(chunks, changes, pin=self.pin)
                del chunks  # shared memory, which is free while the step is computed
                self.incidents.add(batch)
                yield batch


def _crop(image: Image | np.ndarray, view: View, augment: Augment, rng: np.random.Generator) -> Crop:
    return Crop(apply_geometry(image, view, augment, rng), draw_colour_factors(augment, rng))


def _share(chunk: Chunk) -> Chunk:
    """Moves the pixels to shared memory here, since an error of the queue that would do it is lost.

    Raises TrainingError where there is no room for them.
    """
    try:
        for pixels in chunk.pixels:
            pixels.share_memory_()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as problem:
        raise TrainingError(
            f"workers: {problem}; enlarge the shared memory (/dev/shm), or lower workers or batch_size"
        ) from problem
    return chunk
