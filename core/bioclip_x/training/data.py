"""Makes batches of images and texts, in threads ahead of the training step.

Legend: B images, T distinct texts of a batch, K texts drawn for each image, L tokens, H and W pixels.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image

from bioclip_x.components import Dataset, Sample
from bioclip_x.errors import ComponentError, ImageError, TrainingError
from bioclip_x.faults import log_row, naming
from bioclip_x.images.files import ImageFiles
from bioclip_x.training.augment import Pixels, View, apply_geometry, draw_colour_factors
from bioclip_x.training.config import Augment
from bioclip_x.training.sampling import make_sample_rng
from bioclip_x.training.texts import TextSampler, Tokens
from bioclip_x.training.truth import make_text_id

CHUNK = 16
"""Images per task, so that the overhead of scheduling is negligible."""
AHEAD = 3
"""Batches made in advance."""
MAX_WORKERS = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """One training batch.

    pixels_BHW3: uint8, cropped, not normalised. factors_B3: float32 colour factors, None for no colour jitter.
    node_B: int64, the tree's node that each image is labelled with, -1 for none. source_B: int64, number of its data set.
    tokens_TL: int64, the distinct texts. text_id_T: int64, see `truth.make_text_id`. text_node_T: int64, the node that a
    text is about, -1 for own texts and texts of several taxa. text_BK: int64, the rows of `tokens_TL` drawn for each image.
    own_id_BO: int64, the ids of each image's own texts, padded with -1.
    aspect_T: int64, equal for texts about the same aspect, -1 for texts about none.
    views: uint8 [B, H, W, 3] each, further views of the images.
    """

    pixels_BHW3: torch.Tensor
    factors_B3: torch.Tensor | None
    node_B: torch.Tensor
    source_B: torch.Tensor
    tokens_TL: torch.Tensor
    text_id_T: torch.Tensor
    text_node_T: torch.Tensor
    text_BK: torch.Tensor
    own_id_BO: torch.Tensor
    aspect_T: torch.Tensor
    views: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class _Example:
    pixels_HW3: Pixels
    factors_3: npt.NDArray[np.float32]
    source: int
    sample: Sample
    texts: tuple[str, ...]


class ImageReader:
    """Reads the data sets' images, and replaces each unreadable one by the next readable one.

    files: how image files are read; None for Pillow's formats only. unreadable: (data set, index) → the reason, for those
    found so far. noted: (data set, index) → what to know of how an image was read.
    """

    def __init__(self, datasets: Sequence[Dataset], files: ImageFiles | None = None) -> None:
        self.datasets = tuple(datasets)
        self._files = files or ImageFiles()
        self.unreadable: dict[tuple[int, int], str] = {}
        self.noted: dict[tuple[int, int], str] = {}

    def read(self, dataset: int, index: int) -> tuple[Sample, Image | np.ndarray]:
        """Returns the sample and its image. Raises TrainingError if none of the data set's images can be read."""
        source = self.datasets[dataset]
        for step in range(len(source)):
            candidate = (index + step) % len(source)
            if (dataset, candidate) in self.unreadable:
                continue
            try:
                with naming(source, "image", source.name(candidate)):
                    image = source.image(candidate)
                if not isinstance(image, str | Path):
                    return source.sample(candidate), image
                opened = self._files.read_any(image)
            except (ImageError, ComponentError) as problem:
                log_row(problem)
                self.unreadable[dataset, candidate] = str(problem)
                continue
            if opened.notes:
                self.noted[dataset, candidate] = f"{image}: {'; '.join(opened.notes)}"
            return source.sample(candidate), opened.image
        first = next(reason for (d, _), reason in self.unreadable.items() if d == dataset)
        raise TrainingError(f"data: none of the {len(source)} images of data set {dataset + 1} can be read: {first}")


class Loader:
    """Makes the batches of an epoch, from any step on. The result does not depend on the number of workers."""

    def __init__(
        self,
        images: ImageReader,
        texts: TextSampler,
        tokens: Tokens,
        *,
        view: View,
        augment: Augment,
        texts_per_image: int,
        batch_size: int,
        seed: int,
        workers: int | None,
        rank: int = 0,
        size: int = 1,
    ) -> None:
        self.images, self.texts, self.tokens = images, texts, tokens
        self.view, self.augment, self.texts_per_image = view, augment, texts_per_image
        self.batch_size, self.seed, self.rank, self.size = batch_size, seed, rank, size
        self.workers = min(os.cpu_count() or 1, MAX_WORKERS) if workers is None else workers

    def batches(self, order: npt.NDArray[np.int64], epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """Yields the batches of epoch `epoch` (from 0) from step `first_step` on. order: the epoch's images."""
        steps = range(first_step, len(order) // self.batch_size)
        if self.workers == 0:
            for step in steps:
                yield self._collate(self._make_chunk(order, epoch, start, stop) for start, stop in self._split(step))
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="bioclip-x-data")
        waiting: deque[list[Future[list[_Example]]]] = deque()
        try:
            for step in steps:
                waiting.append([pool.submit(self._make_chunk, order, epoch, *span) for span in self._split(step)])
                if len(waiting) > AHEAD:
                    yield self._collate(future.result() for future in waiting.popleft())
            while waiting:
                yield self._collate(future.result() for future in waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _split(self, step: int) -> list[tuple[int, int]]:
        own = self.batch_size // self.size
        first = step * self.batch_size + self.rank * own
        last = first + own
        return [(start, min(start + CHUNK, last)) for start in range(first, last, CHUNK)]

    def _make_chunk(self, order: npt.NDArray[np.int64], epoch: int, start: int, stop: int) -> list[_Example]:
        rows = zip(range(start, stop), order[start:stop].tolist())
        return [
            self._make_example(dataset, index, make_sample_rng(self.seed, epoch, position))
            for position, (dataset, index) in rows
        ]

    def _make_example(self, dataset: int, index: int, rng: np.random.Generator) -> _Example:
        sample, image = self.images.read(dataset, index)
        texts = tuple(self.texts(sample.node, sample.texts, rng) for _ in range(self.texts_per_image))
        pixels_HW3 = apply_geometry(image, self.view, self.augment, rng)
        return _Example(pixels_HW3, draw_colour_factors(self.augment.colour_jitter, rng), dataset, sample, texts)

    def _collate(self, chunks: Iterator[list[_Example]]) -> Batch:
        examples = [example for chunk in chunks for example in chunk]
        pixels_BHW3 = np.stack([example.pixels_HW3 for example in examples])
        factors_B3 = np.stack([example.factors_3 for example in examples]) if self.augment.colour_jitter else None
        samples = [example.sample for example in examples]
        drawn = [text for example in examples for text in example.texts]
        distinct = list(dict.fromkeys(drawn))
        tokens_TL, rows = self.tokens(drawn)
        return Batch(
            torch.from_numpy(pixels_BHW3),
            None if factors_B3 is None else torch.from_numpy(factors_B3),
            torch.tensor([sample.node for sample in samples]),
            torch.tensor([example.source for example in examples]),
            tokens_TL,
            torch.tensor([make_text_id(text) for text in distinct]),
            torch.tensor([self.texts.node_of_text.get(text, -1) for text in distinct]),
            rows.reshape(len(examples), self.texts_per_image),
            _list_own_ids(samples),
            _number_aspects(samples, distinct),
        )


def _list_own_ids(samples: Sequence[Sample]) -> torch.Tensor:
    """Returns int64 [B, O]: the ids of each image's own texts, padded with -1."""
    most = max((len(sample.texts) for sample in samples), default=0)
    ids = [[make_text_id(text) for text in sample.texts] + [-1] * (most - len(sample.texts)) for sample in samples]
    return torch.tensor(ids, dtype=torch.int64).reshape(len(samples), most)


def _number_aspects(samples: Sequence[Sample], distinct: Sequence[str]) -> torch.Tensor:
    """Returns int64 [T]: the number of the aspect that each text is about, -1 for none."""
    aspect_of = {text: aspect for sample in samples for text, aspect in zip(sample.texts, sample.aspects)}
    numbers = {aspect: number for number, aspect in enumerate(dict.fromkeys(aspect_of.values()))}
    return torch.tensor([numbers[aspect_of[text]] if text in aspect_of else -1 for text in distinct])
