"""Evaluates one or several choices of texts on a labelled data set.

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
from bioclip_x.evaluation.labelled_images import (
    LabelledImages,
    describe_inner_labels,
    describe_ties,
    embed_labelled_images,
    find_unlisted,
)
from bioclip_x.evaluation.own_classes import find_own_taxonomy
from bioclip_x.faults import naming
from bioclip_x.inference.classifier import Classifier
from bioclip_x.messages import pluralise
from bioclip_x.options import ComponentRef
from bioclip_x.plugin_versions import list_plugins_in_use
from bioclip_x.recipe import Recipe
from bioclip_x.records import Evaluation, TextEvaluation
from bioclip_x.registry import Registry, get_capabilities
from bioclip_x.taxonomy import Taxonomy

Progress = Callable[[int, int], None]

SEEDS: Final = 5
"""Default number of seeds for random texts."""


@dataclass(frozen=True, slots=True)
class Run:
    """One choice of texts with one seed or several. text: as requested. seeds: empty where the texts are not random."""

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
    """Evaluates recipes that differ only in their texts on a data set; the first is the baseline of the others.

    source: what outputs call the data set. seeds: number of seeds for random texts; None for `SEEDS`. texts, labelled: progress
    of embedding texts and images. Raises EvaluationError where no image is of a listed class.
    """
    runs = [make_seeded_run(registry, recipe, SEEDS if seeds is None else seeds) for recipe in recipes]
    classes = find_own_taxonomy(dataset, runs[0].recipes[0])
    first = Classifier(registry=registry, recipe=runs[0].recipes[0], taxonomy=classes, progress=texts)
    if first.precomputed_scorer and len(recipes) > 1:
        raise EvaluationError(
            f"the scorer {first.recipe.scorer.name!r} does not use texts; give one choice of texts only"
        )
    images, rows, notes = _embed_listed(first, dataset, source, labelled)
    evaluations = _Comparison(registry, first, images, rows, texts, classes).evaluate(runs)
    provenance = first.provenance
    return Evaluation(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=__version__,
        model=provenance.model,
        revision=provenance.revision,
        demo=provenance.demo,
        taxonomy=provenance.taxonomy,
        n_classes=provenance.n_classes,
        pictures=len(rows),
        classes=len(np.unique(images.class_n[images.class_n >= 0])),
        texts=evaluations,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _Comparison:
    """first: the classifier that embedded the images. rows: the images to classify. classes: the data set's own, if used."""

    registry: Registry
    first: Classifier
    images: LabelledImages
    rows: Ints
    progress: Progress
    classes: Taxonomy | None = None

    def evaluate(self, runs: Sequence[Run]) -> tuple[TextEvaluation, ...]:
        """Evaluates each run; those after the first are also compared with the first."""
        evaluations: list[TextEvaluation] = []
        baseline: Floats | None = None
        for run in runs:
            outcomes, notes = zip(*map(self._classify, run.recipes))
            evaluation = summarise(run.text, run.seeds, outcomes, self.images.class_n[self.rows], baseline)
            unique_notes = tuple(dict.fromkeys(note for per_seed in notes for note in per_seed))
            recipe = run.recipes[0]
            plugins = list_plugins_in_use(self.registry, recipe)
            evaluations.append(replace(evaluation, notes=unique_notes, recipe=recipe.dump(), plugins=plugins))
            baseline = average_correct(outcomes) if baseline is None else baseline
        return tuple(evaluations)

    def _classify(self, recipe: Recipe) -> tuple[Correctness, tuple[str, ...]]:
        """Returns the outcomes and the classifier's notes."""
        classifier = self.first
        if recipe != self.first.recipe:
            classifier = Classifier(
                registry=self.registry,
                recipe=recipe,
                taxonomy=self.classes,
                progress=self.progress,
                loaded=self.first.encoder,
            )
        predictions = predict_images(classifier, self.images, self.rows)
        correctness = compare_with_truth(predictions, self.images.node_n[self.rows], classifier.taxonomy)
        return correctness, (*classifier.provenance.notes, *describe_ties(predictions.n_tied, len(self.rows)))


def make_seeded_run(registry: Registry, recipe: Recipe, seeds: int) -> Run:
    """Makes a run of the recipe with `seeds` consecutive seeds, from its own on; of the recipe alone if it is not random."""
    text = ", ".join(map(str, recipe.text))
    seed_options = [_find_seed(registry, ref) for ref in recipe.text]
    first_seeds = [seed for _, seed in filter(None, seed_options)]
    if not first_seeds:
        return Run(text, (), (recipe,))

    def add_to_seeds(offset: int) -> Recipe:
        refs = (
            ComponentRef(name=ref.name, options=ref.options | {option[0]: option[1] + offset}) if option else ref
            for ref, option in zip(recipe.text, seed_options)
        )
        return recipe.model_copy(update={"text": tuple(refs)})

    return Run(text, tuple(first_seeds[0] + i for i in range(seeds)), tuple(map(add_to_seeds, range(seeds))))


def _find_seed(registry: Registry, ref: ComponentRef) -> tuple[str, int] | None:
    """Returns the name and value of a text builder's seed option; None for a builder that is not random."""
    builder = registry.make("text_builders", ref.name, ref.options)
    option = get_capabilities(builder, TextBuilderCapabilities).seed_option
    return (option, registry.options("text_builders", ref.name, ref.options)[option]) if option else None


def _embed_listed(
    classifier: Classifier, dataset: Dataset, source: str, progress: Progress
) -> tuple[LabelledImages, Ints, tuple[str, ...]]:
    """Embeds the data set. Returns the images, the rows of listed taxa, and notes on the others."""
    classifier.files.serve(dataset)
    with naming(dataset, "prepare"):
        notes = tuple(dataset.prepare(classifier.taxonomy))
    images = embed_labelled_images(classifier, dataset, progress)
    rows, unlisted = np.flatnonzero(images.node_n >= 0), find_unlisted(images)
    notes += images.notes
    notes += tuple(describe_inner_labels(images, classifier.taxonomy, "count at these ranks and above only"))
    if len(unlisted):
        notes += (f"{pluralise(len(unlisted), 'image')} of unlisted classes skipped",)
    if not len(rows):
        raise EvaluationError("; ".join([f"{source} has no usable image of a listed class", *notes]))
    return images, rows, notes
