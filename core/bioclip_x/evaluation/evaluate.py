"""LabelledLogits images and some texts → how well the texts name the images.

The images are embedded once, whatever the number of texts and seeds.

Legend: n images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Final

import numpy as np

from bioclip_x import __version__
from bioclip_x.array_types import Floats, Ints
from bioclip_x.capabilities import TextBuilderCapabilities
from bioclip_x.components import Dataset
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.correctness import (
    Correctness,
    average_correct,
    compare_with_truth,
    predict_images,
    summarise,
)
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images, find_unlisted
from bioclip_x.inference.classifier import Classifier
from bioclip_x.options import ComponentRef
from bioclip_x.recipe import Recipe
from bioclip_x.records import Evaluation, TextEvaluation
from bioclip_x.registry import Registry, get_capabilities

Progress = Callable[[int, int], None]

SEEDS: Final = 5
"""Of texts in which something is drawn."""


@dataclass(frozen=True, slots=True)
class Run:
    """The same texts with one seed or several. text: as they were asked for. seeds: none where nothing is drawn."""

    text: str
    seeds: tuple[int, ...]
    recipes: tuple[Recipe, ...]


def evaluate(
    registry: Registry,
    recipes: Sequence[Recipe],
    dataset: Dataset,
    source: str,
    *,
    seeds: int | None = None,
    texts: Progress = lambda done, total: None,
    labelled: Progress = lambda done, total: None,
) -> Evaluation:
    """How well each of the recipes, which differ in their texts alone, names the data set's images.

    source: what outputs call the images. seeds: of texts in which something is drawn; None takes `SEEDS`. texts, labelled:
    progress. Raises EvaluationError where there is no image of a listed class.
    """
    runs = [seeded(registry, recipe, SEEDS if seeds is None else seeds) for recipe in recipes]
    first = Classifier(registry=registry, recipe=runs[0].recipes[0], progress=texts)
    if first.precomputed_scorer and len(recipes) > 1:
        raise EvaluationError(f"the scorer {first.recipe.scorer.name!r} compares no texts: leave out all but one")
    pictures, rows, notes = _listed(first, dataset, source, labelled)
    compared = _Comparison(registry, first, pictures, rows, texts).of(runs)
    of = first.provenance
    return Evaluation(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=__version__,
        model=of.model,
        revision=of.revision,
        demo=of.demo,
        taxonomy=of.taxonomy,
        n_classes=of.n_classes,
        pictures=len(rows),
        classes=len(np.unique(pictures.class_n[rows])),
        texts=compared,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _Comparison:
    """first: the classifier that the images were embedded by. rows: those to be named."""

    registry: Registry
    first: Classifier
    pictures: LabelledImages
    rows: Ints
    progress: Progress

    def of(self, runs: Sequence[Run]) -> tuple[TextEvaluation, ...]:
        """The first of them is what the others are compared with."""
        found: list[TextEvaluation] = []
        against: Floats | None = None
        for run in runs:
            judged, notes = zip(*map(self._judged, run.recipes))
            figures = summarise(run.text, run.seeds, judged, self.pictures.class_n[self.rows], against)
            told = tuple(dict.fromkeys(note for some in notes for note in some))
            found.append(replace(figures, notes=told, recipe=run.recipes[0].dump()))
            against = average_correct(judged) if against is None else against
        return tuple(found)

    def _judged(self, recipe: Recipe) -> tuple[Correctness, tuple[str, ...]]:
        """And the notes of its classifier."""
        named_by = self.first
        if recipe != self.first.recipe:
            named_by = Classifier(
                registry=self.registry, recipe=recipe, progress=self.progress, loaded=self.first.encoder
            )
        found = predict_images(named_by, self.pictures, self.rows)
        return compare_with_truth(found, self.pictures.class_n[self.rows], named_by.taxonomy), named_by.provenance.notes


def seeded(registry: Registry, recipe: Recipe, seeds: int) -> Run:
    """The recipe with each of so many seeds, from its own on; as it is where its texts draw nothing."""
    text = ", ".join(map(str, recipe.text))
    seeds_of = [_seed(registry, ref) for ref in recipe.text]
    own = [seed for _, seed in filter(None, seeds_of)]
    if not own:
        return Run(text, (), (recipe,))

    def later(more: int) -> Recipe:
        refs = (
            ComponentRef(name=ref.name, options=ref.options | {found[0]: found[1] + more}) if found else ref
            for ref, found in zip(recipe.text, seeds_of)
        )
        return recipe.model_copy(update={"text": tuple(refs)})

    return Run(text, tuple(own[0] + more for more in range(seeds)), tuple(map(later, range(seeds))))


def _seed(registry: Registry, ref: ComponentRef) -> tuple[str, int] | None:
    """The option that seeds a text builder, and its value; None for one that is not random."""
    builder = registry.make("text_builders", ref.name, ref.options)
    option = get_capabilities(builder, TextBuilderCapabilities).seed_option
    return (option, registry.options("text_builders", ref.name, ref.options)[option]) if option else None


def _listed(
    classifier: Classifier, dataset: Dataset, source: str, progress: Progress
) -> tuple[LabelledImages, Ints, tuple[str, ...]]:
    """The images, which of them are of listed classes, and what is to be said of the others."""
    notes = tuple(dataset.prepare(classifier.taxonomy))
    pictures = embed_labelled_images(classifier, dataset, progress)
    rows, others = np.flatnonzero(pictures.class_n >= 0), find_unlisted(pictures.class_n)
    told = (
        *notes,
        *pictures.notes,
        *([f"{len(others)} images are of no listed class, skipped"] if len(others) else []),
    )
    if not len(rows):
        raise EvaluationError("; ".join([f"{source} has no usable image of a listed class", *told]))
    return pictures, rows, told
