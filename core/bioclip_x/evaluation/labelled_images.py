"""Embeds the images of a labelled data set with a classifier's encoder.

Legend: B images of a batch, n images in all, D embedding dimension.
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
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records import ImageFeatures, Source

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

Rows = npt.NDArray[np.int64]

BATCH: Final = 32
"""Images scored at a time; bounds memory where there are a million classes."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Embedded images with their classes, without those that cannot be read or that the model declines to name.

    features_nD: float32 [n, D]. sources: n names. class_n: int64 [n], -1 for an unlisted class.
    notes: summaries of the skipped images. unreadable: a message for each image that could not be read.
    """

    features_nD: torch.Tensor
    sources: tuple[Source, ...]
    class_n: Rows
    notes: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def parts(self, classifier: Classifier, rows: Rows) -> list[LabelledLogits]:
        """Returns the class logits of the images `rows` in batches; each pass over a batch computes them again."""
        batches = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
        return [self._score(classifier, batch) for batch in batches]

    def _score(self, classifier: Classifier, rows: Rows) -> LabelledLogits:
        sources = [self.sources[row] for row in rows.tolist()]
        features = ImageFeatures(self.features_nD[rows], ("",) * len(rows))
        return LabelledLogits(classifier.score(features, sources), torch.from_numpy(self.class_n[rows]))


@torch.inference_mode()
def embed_labelled_images(
    classifier: Classifier, dataset: Dataset, progress: Callable[[int, int], None] = lambda done, total: None
) -> LabelledImages:
    """Embeds a prepared data set. Images that cannot be read or that the model refuses are counted in the notes."""
    embeddings: list[torch.Tensor] = []
    kept: list[int] = []
    unreadable: list[str] = []
    refused = 0
    for indices, pixels in _iterate_batches(classifier, dataset, unreadable):
        if indices:
            features = classifier.encoder.encode_images(torch.stack(pixels))
            accepted = [row for row, refusal in enumerate(features.refused_B) if not refusal]
            refused += len(indices) - len(accepted)
            embeddings.append(features.embeddings_BD[accepted])
            kept += [indices[row] for row in accepted]
        progress(len(kept) + refused + len(unreadable), len(dataset))
    notes = []
    if unreadable:
        notes.append(f"{pluralise(len(unreadable), 'image')} cannot be used, skipped: {list_some(unreadable, 3)}")
    if refused:
        notes.append(f"skipped {pluralise(refused, 'image')} that the model declines to name")
    return LabelledImages(
        torch.cat(embeddings) if embeddings else torch.empty(0, 0),
        tuple(Source(dataset.name(index)) for index in kept),
        np.array([dataset.sample(index).class_index for index in kept], np.int64),
        tuple(notes),
        tuple(unreadable),
    )


def _iterate_batches(
    classifier: Classifier, dataset: Dataset, unreadable: list[str]
) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
    """Yields the indices and pixels of the readable images of each batch; appends messages for others to `unreadable`."""
    size, recipe = classifier.recipe.batch_size, classifier.recipe
    with ThreadPoolExecutor(recipe.workers or min(8, os.cpu_count() or 1), "decode") as pool:
        for start in range(0, len(dataset), size):
            indices = range(start, min(start + size, len(dataset)))
            jobs = [pool.submit(_load_pixels, classifier, dataset, index) for index in indices]
            results = [(index, job.result()) for index, job in zip(indices, jobs)]
            unreadable += [message for _, message in results if isinstance(message, str)]
            loaded = [(index, pixels) for index, pixels in results if isinstance(pixels, torch.Tensor)]
            yield [index for index, _ in loaded], [pixels for _, pixels in loaded]


def _load_pixels(classifier: Classifier, dataset: Dataset, index: int) -> torch.Tensor | str:
    """Returns a preprocessed image, or a message why it cannot be used."""
    if scorer := classifier.precomputed_scorer:
        name = dataset.name(index)
        return f"{name}: {problem}" if (problem := scorer.problem(name)) else torch.empty(0)
    try:
        return classifier.encoder.preprocess(to_pil(dataset.image(index)))
    except ImageError as error:
        return str(error)


def split_in_halves(class_n: Rows, seed: int) -> tuple[Rows, Rows]:
    """Splits the listed images (class 0 or more) into two random halves, stratified by class: sorted row numbers, int64.

    The first half has the odd image.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(class_n >= 0))
    by_class = rows[np.argsort(class_n[rows], kind="stable")]
    return np.sort(by_class[::2]), np.sort(by_class[1::2])


def find_unlisted(class_n: Sequence[int] | Rows) -> Rows:
    """Returns the row numbers of the images of unlisted classes."""
    return np.flatnonzero(np.asarray(class_n) < 0)
