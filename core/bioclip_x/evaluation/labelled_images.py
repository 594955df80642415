"""A data set's images through a classifier's encoder, with their classes.

Legend: B images of a batch, n images in all, D embedding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.components import Dataset
from bioclip_x.errors import ImageError
from bioclip_x.evaluation.labelled_logits import LabelledLogits
from bioclip_x.images.sources import to_pil
from bioclip_x.messages import list_some
from bioclip_x.records import ImageFeatures, Source

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

Rows = npt.NDArray[np.int64]

BATCH: Final = 32
"""Images scored at a time: with a million classes, what their sums need."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Images that could be read, and that the model does not decline to name.

    features_nD: float32 [n, D]. sources: n names. class_n: int64 [n], -1 for an image of none of the classes.
    notes: what was skipped while they were read. unreadable: the images that could not be, each with the reason.
    """

    features_nD: torch.Tensor
    sources: tuple[Source, ...]
    class_n: Rows
    notes: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def parts(self, classifier: Classifier, rows: Rows) -> list[LabelledLogits]:
        """The class logits of some of them, in batches, made anew for each pass."""
        batches = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
        return [self._part(classifier, batch) for batch in batches]

    def _part(self, classifier: Classifier, rows: Rows) -> LabelledLogits:
        sources = [self.sources[row] for row in rows.tolist()]
        features = ImageFeatures(self.features_nD[rows], ("",) * len(rows))
        return LabelledLogits(classifier.score(features, sources), torch.from_numpy(self.class_n[rows]))


@torch.inference_mode()
def embed_labelled_images(
    classifier: Classifier, dataset: Dataset, progress: Callable[[int, int], None] = lambda done, total: None
) -> LabelledImages:
    """The data set (prepared) embedded. An image that cannot be read, or that the model refuses, is counted in the notes."""
    embeddings: list[torch.Tensor] = []
    kept: list[int] = []
    unreadable: list[str] = []
    refused = 0
    for numbers, pixels in _batches(classifier, dataset, unreadable):
        if numbers:
            features = classifier.encoder.encode_images(torch.stack(pixels))
            known = [row for row, refusal in enumerate(features.refused_B) if not refusal]
            refused += len(numbers) - len(known)
            embeddings.append(features.embeddings_BD[known])
            kept += [numbers[row] for row in known]
        progress(len(kept) + refused + len(unreadable), len(dataset))
    notes = [f"{len(unreadable)} images cannot be used, skipped: {list_some(unreadable, 3)}"] if unreadable else []
    if refused:
        notes.append(f"{refused} images are skipped that the model declines to name")
    return LabelledImages(
        torch.cat(embeddings) if embeddings else torch.empty(0, 0),
        tuple(Source(dataset.name(number)) for number in kept),
        np.array([dataset.sample(number).class_index for number in kept], np.int64),
        tuple(notes),
        tuple(unreadable),
    )


def _batches(
    classifier: Classifier, dataset: Dataset, unreadable: list[str]
) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
    """Numbers and pixels of what can be read; the reasons why not go to `unreadable`."""
    size, recipe = classifier.recipe.batch_size, classifier.recipe
    with ThreadPoolExecutor(recipe.workers or min(8, os.cpu_count() or 1), "decode") as pool:
        for start in range(0, len(dataset), size):
            numbers = range(start, min(start + size, len(dataset)))
            jobs = [pool.submit(_pixels, classifier, dataset, number) for number in numbers]
            read = [(number, job.result()) for number, job in zip(numbers, jobs)]
            unreadable += [one for _, one in read if isinstance(one, str)]
            fine = [(number, one) for number, one in read if isinstance(one, torch.Tensor)]
            yield [number for number, _ in fine], [one for _, one in fine]


def _pixels(classifier: Classifier, dataset: Dataset, number: int) -> torch.Tensor | str:
    """An image as the model wants it, or why there is none."""
    if scorer := classifier.precomputed_scorer:
        name = dataset.name(number)
        return f"{name}: {problem}" if (problem := scorer.problem(name)) else torch.empty(0)
    try:
        return classifier.encoder.preprocess(to_pil(dataset.image(number)))
    except ImageError as problem:
        return str(problem)


def split_in_halves(class_n: Rows, seed: int) -> tuple[Rows, Rows]:
    """Row numbers of the listed images (class 0 or more), cut in two at random, each class evenly: int64, sorted.

    The first half has the odd one.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(class_n >= 0))
    by_class = rows[np.argsort(class_n[rows], kind="stable")]
    return np.sort(by_class[::2]), np.sort(by_class[1::2])


def find_unlisted(class_n: Sequence[int] | Rows) -> Rows:
    """Row numbers of the images of none of the classes."""
    return np.flatnonzero(np.asarray(class_n) < 0)
