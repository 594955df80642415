"""Images and texts → batches, made by threads ahead of the step that wants them.

Legend: B images, T distinct texts of a batch, K texts drawn for each image, L tokens, H and W pixels.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image

from bioclip_x.components import Dataset, Sample
from bioclip_x.errors import ImageError, TrainingError
from bioclip_x.training.augment import Pixels, View, apply_geometry, draw_colour_factors
from bioclip_x.training.config import Augment
from bioclip_x.training.sampling import sample_rng
from bioclip_x.training.texts import TextDraw, Tokens

CHUNK = 16
"""Images per task: enough that handing out tasks costs nothing."""
AHEAD = 3
"""Batches made before they are wanted."""
MAX_WORKERS = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """pixels_BHW3: uint8, cropped, not yet normalised. factors_B3: float32 colour factors, None where colours stay.
    taxon_B: int64, -1 where an image has no taxon. tokens_TL: int64, the distinct texts. text_BK: int64, rows of it that
    were drawn for each image. right_BT: bool, whether a text holds for an image, drawn for it or not. aspect_T: int64,
    equal for texts that speak of one aspect, -1 for those of none."""

    pixels_BHW3: torch.Tensor
    factors_B3: torch.Tensor | None
    taxon_B: torch.Tensor
    tokens_TL: torch.Tensor
    text_BK: torch.Tensor
    right_BT: torch.Tensor
    aspect_T: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Example:
    pixels_HW3: Pixels
    factors_3: npt.NDArray[np.float32]
    sample: Sample
    texts: tuple[str, ...]


class Pictures:
    """The data sets' images, with a stand-in for each that cannot be read: the next one that can.

    unreadable: (data set, number) → why, of those met so far.
    """

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self.datasets = tuple(datasets)
        self.unreadable: dict[tuple[int, int], str] = {}

    def read(self, dataset: int, number: int) -> tuple[Sample, Image | np.ndarray]:
        """The sample and its image. Raises TrainingError where none of the data set's images can be read."""
        source = self.datasets[dataset]
        for step in range(len(source)):
            at = (number + step) % len(source)
            if (dataset, at) in self.unreadable:
                continue
            try:
                return source.sample(at), source.image(at)
            except ImageError as problem:
                self.unreadable[dataset, at] = str(problem)
        first = next(reason for (d, _), reason in self.unreadable.items() if d == dataset)
        raise TrainingError(f"data: none of the {len(source)} images of data set {dataset + 1} can be read: {first}")


class Loader:
    """Makes batches of an epoch's order, from any step on. Which thread makes what has no part in the result."""

    def __init__(
        self,
        pictures: Pictures,
        texts: TextDraw,
        tokens: Tokens,
        *,
        view: View,
        augment: Augment,
        texts_per_picture: int,
        batch_size: int,
        seed: int,
        workers: int | None,
    ) -> None:
        self.pictures, self.texts, self.tokens = pictures, texts, tokens
        self.view, self.augment, self.texts_per_picture = view, augment, texts_per_picture
        self.batch_size, self.seed = batch_size, seed
        self.workers = min(os.cpu_count() or 1, MAX_WORKERS) if workers is None else workers

    def batches(self, order: npt.NDArray[np.int64], epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of steps `first_step`, … of epoch `epoch` (from 0), whose images are `order`."""
        steps = range(first_step, len(order) // self.batch_size)
        if self.workers == 0:
            for step in steps:
                yield self._collated(self._chunk(order, epoch, start, stop) for start, stop in self._spans(step))
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="bioclip-x-data")
        waiting: deque[list[Future[list[_Example]]]] = deque()
        try:
            for step in steps:
                waiting.append([pool.submit(self._chunk, order, epoch, *span) for span in self._spans(step)])
                if len(waiting) > AHEAD:
                    yield self._collated(future.result() for future in waiting.popleft())
            while waiting:
                yield self._collated(future.result() for future in waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _spans(self, step: int) -> list[tuple[int, int]]:
        first, last = step * self.batch_size, (step + 1) * self.batch_size
        return [(start, min(start + CHUNK, last)) for start in range(first, last, CHUNK)]

    def _chunk(self, order: npt.NDArray[np.int64], epoch: int, start: int, stop: int) -> list[_Example]:
        rows = zip(range(start, stop), order[start:stop].tolist())
        return [self._example(dataset, number, sample_rng(self.seed, epoch, at)) for at, (dataset, number) in rows]

    def _example(self, dataset: int, number: int, rng: np.random.Generator) -> _Example:
        sample, picture = self.pictures.read(dataset, number)
        texts = tuple(self.texts(sample.class_index, sample.texts, rng) for _ in range(self.texts_per_picture))
        pixels_HW3 = apply_geometry(picture, self.view, self.augment, rng)
        return _Example(pixels_HW3, draw_colour_factors(self.augment.colour_jitter, rng), sample, texts)

    def _collated(self, chunks: Iterator[list[_Example]]) -> Batch:
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
            torch.tensor([sample.class_index for sample in samples]),
            tokens_TL,
            rows.reshape(len(examples), self.texts_per_picture),
            self._right(samples, distinct),
            _aspects(samples, distinct),
        )

    def _right(self, samples: Sequence[Sample], distinct: Sequence[str]) -> torch.Tensor:
        """bool [B, T]: of the batch's distinct texts those that hold for each image."""
        place = {text: t for t, text in enumerate(distinct)}
        right_BT = np.zeros((len(samples), len(distinct)), bool)
        for b, sample in enumerate(samples):
            holding = self.texts.right(sample.class_index, sample.texts)
            right_BT[b, [place[text] for text in holding if text in place]] = True
        return torch.from_numpy(right_BT)


def _aspects(samples: Sequence[Sample], distinct: Sequence[str]) -> torch.Tensor:
    """int64 [T]: a number for each aspect that the batch's texts speak of, -1 for none."""
    aspect_of = {text: aspect for sample in samples for text, aspect in zip(sample.texts, sample.aspects)}
    numbers = {aspect: number for number, aspect in enumerate(dict.fromkeys(aspect_of.values()))}
    return torch.tensor([numbers[aspect_of[text]] if text in aspect_of else -1 for text in distinct])
