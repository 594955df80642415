"""Embeds the images of a labelled data set with a classifier's encoder.

Legend: B images of a batch, n images in all, D embedding dimension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.errors import ComponentError, EvaluationError, ImageError
from bioclip_x.evaluation.labelled_logits import LabelledLogits, find_top_logits
from bioclip_x.faults import at_hand, log_row, naming
from bioclip_x.hooks.components import Dataset
from bioclip_x.hooks.returned import check_finite, check_type, get_image, get_name, get_sample
from bioclip_x.images.threads import DecodeThreads
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records import ImageFeatures, Source

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.inference.scoring import ScoredBatch
    from bioclip_x.taxonomy import Taxonomy

Rows = npt.NDArray[np.int64]

BATCH: Final = 32
"""Images scored at a time; bounds memory where there are a million classes."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Embedded images with their labels, without those that cannot be read or that the model declines to name.

    features_nD: float32 [n, D]. sources: n names. node_n: int64 [n], the taxon that each is labelled with, -1 for one that is
    not listed. class_n: int64 [n], its class, -1 for an unlisted one and for a taxon above the classes.
    index_n: int64 [n], the places of the images in the data set. notes: summaries of the skipped images, and of those read
    with a note. unreadable: a message for each image that could not be read.
    """

    features_nD: torch.Tensor
    sources: tuple[Source, ...]
    node_n: Rows
    class_n: Rows
    notes: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    index_n: Rows = field(default_factory=lambda: np.zeros(0, np.int64))

    def parts(self, classifier: Classifier, rows: Rows) -> list[LabelledLogits]:
        """Returns the class logits of the images `rows` in batches; each pass over a batch computes them again."""
        batches = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
        return [self._score(classifier, batch) for batch in batches]

    def drop_excluded(self, classifier: Classifier) -> LabelledImages:
        """Returns the images of which a class is left after adjustments; a note counts the others."""
        if not (classifier.recipe.adjust or classifier.labelled_scorer):
            return self  # only these exclude classes
        parts = self.parts(classifier, np.arange(len(self.class_n)))
        is_left_n = np.concatenate(
            [np.ones(0, bool), *((find_top_logits(part).top_B > -torch.inf).numpy() for part in parts)]
        )
        if is_left_n.all():
            return self
        rows = np.flatnonzero(is_left_n)
        note = f"skipped {pluralise(len(is_left_n) - len(rows), 'image')} of which no listed class is left"
        sources = tuple(self.sources[row] for row in rows.tolist())
        return replace(
            self,
            features_nD=self.features_nD[rows],
            sources=sources,
            node_n=self.node_n[rows],
            class_n=self.class_n[rows],
            index_n=self.index_n[rows] if len(self.index_n) else self.index_n,
            notes=(*self.notes, note),
        )

    def score(self, classifier: Classifier, rows: Rows) -> tuple[ScoredBatch, list[Source]]:
        """Computes the class logits of the images `rows`, adjusted but not calibrated; returns them with their sources."""
        sources = [self.sources[row] for row in rows.tolist()]
        features = ImageFeatures(self.features_nD[rows], ("",) * len(rows))
        with at_hand(list_some([source.name for source in sources], 1)):
            return classifier.score(features, sources), sources

    def _score(self, classifier: Classifier, rows: Rows) -> LabelledLogits:
        scored, sources = self.score(classifier, rows)
        return LabelledLogits(scored, torch.from_numpy(self.class_n[rows]), sources)


@torch.inference_mode()
def embed_labelled_images(
    classifier: Classifier, dataset: Dataset, progress: Callable[[int, int], None] = lambda done, total: None
) -> LabelledImages:
    """Embeds a prepared data set. Images that cannot be read or that the model refuses are counted in the notes.

    Raises EvaluationError for a recipe that names boxes: labels are of whole images.
    """
    if (detector := classifier.recipe.detector) is not None:
        raise EvaluationError(
            f"the recipe names the boxes of {classifier.recipe.boxes or detector}; labelled images are evaluated as a whole"
        )
    embeddings: list[torch.Tensor] = []
    kept: list[int] = []
    unreadable: list[str] = []
    noted: list[str] = []
    refused = 0
    for indices, pixels in _iterate_batches(classifier, dataset, unreadable, noted):
        for encoded, features in _encode_or_divide(classifier, dataset, indices, pixels, unreadable):
            accepted = [row for row, refusal in enumerate(features.refused_B) if not refusal]
            refused += len(encoded) - len(accepted)
            embeddings.append(features.embeddings_BD[accepted])
            kept += [encoded[row] for row in accepted]
        progress(len(kept) + refused + len(unreadable), len(dataset))
    notes = []
    if unreadable:
        notes.append(f"{pluralise(len(unreadable), 'image')} cannot be used, skipped: {list_some(unreadable, 3)}")
    if noted:
        notes.append(f"read {pluralise(len(noted), 'image')} with a note: {list_some(noted, 3)}")
    if refused:
        notes.append(f"skipped {pluralise(refused, 'image')} that the model declines to name")
    node_n = np.array([get_sample(dataset, index).node for index in kept], np.int64)
    return LabelledImages(
        torch.cat(embeddings) if embeddings else torch.empty(0, 0),
        tuple(Source(get_name(dataset, index)) for index in kept),
        node_n,
        find_classes(node_n, classifier.taxonomy),
        tuple(notes),
        tuple(unreadable),
        np.array(kept, np.int64),
    )


def _iterate_batches(
    classifier: Classifier, dataset: Dataset, unreadable: list[str], noted: list[str]
) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
    """Yields the indices and pixels of the readable images of each batch.

    Appends messages for others to `unreadable`, and what to know of how images were read to `noted`.
    """
    size, recipe = classifier.recipe.batch_size, classifier.recipe
    with DecodeThreads(recipe.workers) as pool:
        for start in range(0, len(dataset), size):
            indices = range(start, min(start + size, len(dataset)))
            jobs = [pool.submit(_load_pixels, classifier, dataset, index) for index in indices]
            results = [(index, job.result()) for index, job in zip(indices, jobs)]
            unreadable += [message for _, message in results if isinstance(message, str)]
            read = [(index, result) for index, result in results if not isinstance(result, str)]
            noted += [f"{dataset.name(index)}: {'; '.join(notes)}" for index, (_, notes) in read if notes]
            loaded = [(index, pixels) for index, (pixels, _) in read]
            yield [index for index, _ in loaded], [pixels for _, pixels in loaded]


def _encode_or_divide(
    classifier: Classifier, dataset: Dataset, indices: list[int], pixels: list[torch.Tensor], unreadable: list[str]
) -> Iterator[tuple[list[int], ImageFeatures]]:
    """Yields indices and features of a batch; if the model fails, of each image at which it does not."""
    if not indices:
        return
    try:
        with naming(classifier.encoder, "encode_images", list_some([dataset.name(index) for index in indices], 1)):
            features = classifier.encoder.encode_images(torch.stack(pixels))
        check_finite(classifier.encoder, features)
        yield indices, features
    except (ComponentError, ImageError) as problem:
        if len(indices) > 1:
            for one, image in zip(indices, pixels):
                yield from _encode_or_divide(classifier, dataset, [one], [image], unreadable)
        else:
            log_row(problem)
            unreadable.append(str(problem))


def _load_pixels(classifier: Classifier, dataset: Dataset, index: int) -> tuple[torch.Tensor, tuple[str, ...]] | str:
    """Returns a preprocessed image and notes on how it was read, or a message why it cannot be used."""
    if scorer := classifier.precomputed_scorer:
        name = get_name(dataset, index)
        with naming(scorer, "problem", name):
            problem = scorer.problem(name)
        check_type(scorer, "problem", problem, str, name)
        return f"{name}: {problem}" if problem else (torch.empty(0), ())
    try:
        name = get_name(dataset, index)
        image = get_image(dataset, index, name)
        with at_hand(name):
            opened = classifier.files.read_any(image, name)
        with naming(classifier.encoder, "preprocess", name):
            return classifier.encoder.preprocess(opened.image), opened.notes
    except (ImageError, ComponentError) as error:
        log_row(error)
        return str(error)


def find_classes(node_n: Rows, taxonomy: Taxonomy) -> Rows:
    """Returns the class of each node, -1 where it is none: int64 [n]. node_n: -1 for no node."""
    return np.where(node_n >= 0, taxonomy.class_of_N[node_n], -1).astype(np.int64)


def describe_inner_labels(images: LabelledImages, taxonomy: Taxonomy, what: str) -> list[str]:
    """Returns a note on the images that are labelled above the classes, if any. what: what becomes of them."""
    inner = images.node_n[(images.node_n >= 0) & (images.class_n < 0)].tolist()
    if not inner:
        return []
    counts = Counter(taxonomy.rank(node) or "no rank" for node in inner)
    return [f"{pluralise(len(inner), 'image')} labelled above the classes ({format_counts(counts)}) {what}"]


def describe_ties(n_tied: int, n: int) -> list[str]:
    """Returns a note on the images whose best classes are tied, if any.

    >>> describe_ties(3, 20)
    ['3 of 20 images have tied best classes; the first in the list is taken']
    """
    return [f"{n_tied:,} of {pluralise(n, 'image')} have tied best classes; the first in the list is taken"] * (
        n_tied > 0
    )


def format_counts(counts: Mapping[str, int]) -> str:
    """
    >>> format_counts({"genus": 7, "family": 2})
    'genus 7, family 2'
    """
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def split_in_halves(class_n: Rows, seed: int) -> tuple[Rows, Rows]:
    """Splits the listed images (class 0 or more) into two random halves, stratified by class: sorted row numbers, int64.

    The first half has the odd image.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(class_n >= 0))
    by_class = rows[np.argsort(class_n[rows], kind="stable")]
    return np.sort(by_class[::2]), np.sort(by_class[1::2])


def place_above(images: LabelledImages, dataset: Dataset, taxonomy: Taxonomy) -> tuple[LabelledImages, tuple[str, ...]]:
    """Labels images of unlisted taxa with the listed taxon above, where their label tells it; a note counts them."""
    rows = find_unlisted(images)
    above = np.array([get_sample(dataset, index).above for index in images.index_n[rows].tolist()], np.int64)
    placed = rows[above > 0]
    if not len(placed):
        return images, ()
    node_n = images.node_n.copy()
    node_n[placed] = above[above > 0]
    counts = Counter(taxonomy.rank(node) or "no rank" for node in above[above > 0].tolist())
    note = (
        f"{pluralise(len(placed), 'image')} of unlisted taxa count for the listed taxon above ({format_counts(counts)})"
    )
    return replace(images, node_n=node_n), (note,)


def find_unlisted(images: LabelledImages) -> Rows:
    """Returns the row numbers of the images of unlisted taxa."""
    return np.flatnonzero(images.node_n < 0)
