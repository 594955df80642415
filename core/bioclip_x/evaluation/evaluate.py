"""Evaluates one or several choices of texts on a labelled data set.

The images are embedded once, whatever the number of texts and seeds.

Legend: n images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import reduce
from typing import Final

import numpy as np

from bioclip_x import __version__
from bioclip_x.array_types import Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.correctness import compare_with_truth
from bioclip_x.evaluation.event_gain import measure_event_gain
from bioclip_x.evaluation.labelled_images import (
    LabelledImages,
    describe_inner_labels,
    describe_ties,
    embed_labelled_images,
    find_unlisted,
    place_above,
)
from bioclip_x.evaluation.own_classes import find_own_taxonomy
from bioclip_x.evaluation.predictions import MOST, ImagePredictions, predict_images
from bioclip_x.evaluation.summary import Baseline, Labels, summarise
from bioclip_x.hooks.capabilities import TextBuilderCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset, LoadedEncoder
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import prepare_dataset
from bioclip_x.inference.classifier import Classifier
from bioclip_x.messages import pluralise
from bioclip_x.plugin_versions import list_plugins_in_use
from bioclip_x.recipe import Recipe
from bioclip_x.records import Evaluation, Measure, TextEvaluation
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


Watch = Callable[["ModelImages", ImagePredictions, TextEvaluation], None]


def evaluate(
    registry: Registry,
    recipes: Sequence[Recipe],
    dataset: Dataset,
    source: str,
    *,
    seeds: int | None = None,
    texts: Progress = lambda done, total: None,
    labelled: Progress = lambda done, total: None,
    watches: Sequence[Watch] = (),
) -> Evaluation:
    """Evaluates recipes that differ in their texts or their model on a data set; the first is the baseline of the others.

    source: what outputs call the data set. seeds: number of seeds for random texts; None for `SEEDS`. texts, labelled: progress
    of embedding texts and images. watches: called for each recipe with the images, the predictions of its first seed, and its
    evaluation. Raises EvaluationError where no image is of a listed class, and for models with other classes than the first.
    """
    runs = [make_seeded_run(registry, recipe, SEEDS if seeds is None else seeds) for recipe in recipes]
    classes = find_own_taxonomy(dataset, runs[0].recipes[0])
    embedded, notes = _embed_by_all_models(registry, runs, dataset, source, classes, texts, labelled)
    first = embedded[runs[0].recipes[0].model]
    same = [one for one in recipes if first.classifier.precomputed_scorer or one.model == recipes[0].model]
    if first.classifier.labelled_scorer and len(same) > 1:
        raise EvaluationError(
            f"the scorer {first.classifier.scorer_name!r} does not use texts; give one choice of texts only"
        )
    evaluations = tuple(_Comparison(registry, embedded, classes, texts, watches).evaluate(runs))
    provenance, labels = first.classifier.provenance, first.labels
    return Evaluation(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=__version__,
        model=provenance.model,
        revision=provenance.revision,
        demo=provenance.demo,
        taxonomy=provenance.taxonomy,
        n_classes=provenance.n_classes,
        pictures=len(first.rows),
        classes=len(np.unique(labels.class_n[labels.class_n >= 0])),
        texts=evaluations,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class ModelImages:
    """The images as one model embeds them. rows: those that are evaluated, the same images for every model."""

    classifier: Classifier
    images: LabelledImages
    rows: Ints

    @property
    def labels(self) -> Labels:
        return Labels(self.images.node_n[self.rows], self.images.class_n[self.rows])


def _embed_by_all_models(
    registry: Registry,
    runs: Sequence[Run],
    dataset: Dataset,
    source: str,
    classes: Taxonomy | None,
    texts: Progress,
    labelled: Progress,
) -> tuple[dict[str, ModelImages], tuple[str, ...]]:
    """Embeds the images once by each model. Returns them by the model's name, and notes. classes: the data set's own, if used."""
    embedded: dict[str, ModelImages] = {}
    notes: list[str] = []
    for run in runs:
        recipe = run.recipes[0]
        if recipe.model in embedded:
            continue
        classifier = make_classifier(registry, recipe, texts, classes)
        first = next(iter(embedded.values()), None)
        if first and classifier.taxonomy.fingerprint != first.classifier.taxonomy.fingerprint:
            raise EvaluationError(
                f"{recipe.model} names other classes than {first.classifier.recipe.model}: give the classes of both with "
                "--taxonomy or --labels"
            )
        images, rows, own = _embed_listed(classifier, dataset, source, labelled)
        embedded[recipe.model] = ModelImages(classifier, images, rows)
        notes += [note for note in own if note not in notes]
    if len(embedded) > 1:
        embedded, dropped = _keep_common(embedded)
        notes += [f"{pluralise(dropped, 'image')} left out that one of the models does not name"] if dropped else []
    return embedded, tuple(notes)


def _keep_common(embedded: Mapping[str, ModelImages]) -> tuple[dict[str, ModelImages], int]:
    """Keeps the images that all models name; returns how many of the others there are."""
    indices = [one.images.index_n[one.rows] for one in embedded.values()]
    common = reduce(np.intersect1d, indices)
    kept = {
        model: replace(one, rows=one.rows[np.isin(one.images.index_n[one.rows], common)])
        for model, one in embedded.items()
    }
    if not len(common):
        raise EvaluationError("there is no image that all models name")
    return kept, len(reduce(np.union1d, indices)) - len(common)


@dataclass(frozen=True, eq=False)
class _Comparison:
    """embedded: model → the images. classes: the data set's own, if used. progress: of embedding texts."""

    registry: Registry
    embedded: Mapping[str, ModelImages]
    classes: Taxonomy | None
    progress: Progress
    watches: Sequence[Watch] = ()

    def evaluate(self, runs: Sequence[Run]) -> Iterator[TextEvaluation]:
        """Evaluates each run; those after the first are also compared with the first."""
        baseline: Baseline | None = None
        for run in runs:
            recipe = run.recipes[0]
            given = self.embedded[recipe.model]
            predictions, notes, events = zip(*(self._predict(one, given) for one in run.recipes))
            outcomes = [compare_with_truth(one, given.labels.node_n, given.classifier.taxonomy) for one in predictions]
            evaluation = summarise(
                run.text, run.seeds, predictions, outcomes, given.labels, baseline, given.classifier.taxonomy
            )
            evaluation = replace(
                evaluation,
                model=given.classifier.provenance.model if len(self.embedded) > 1 else "",
                notes=tuple(dict.fromkeys(note for per_seed in notes for note in per_seed)),
                recipe=recipe.dump(),
                plugins=list_plugins_in_use(self.registry, recipe),
                events=events[0],
            )
            for watch in self.watches:
                watch(given, predictions[0], evaluation)
            yield evaluation
            baseline = baseline or Baseline.of(run.seeds, outcomes)

    def _predict(
        self, recipe: Recipe, given: ModelImages
    ) -> tuple[ImagePredictions, tuple[str, ...], Mapping[str, Measure]]:
        """Returns the predictions, the classifier's notes, and the measures of events."""
        classifier = given.classifier
        if _ask_for_best(recipe) != classifier.recipe:
            classifier = make_classifier(self.registry, recipe, self.progress, self.classes, classifier.encoder)
        predictions = predict_images(classifier, given.images, given.rows)
        ties = describe_ties(predictions.n_tied, len(given.rows))
        events = measure_event_gain(classifier, given.images, given.rows, predictions) if recipe.event_by else {}
        return predictions, (*classifier.provenance.notes, *ties), events


def make_classifier(
    registry: Registry,
    recipe: Recipe,
    progress: Progress,
    classes: Taxonomy | None = None,
    loaded: LoadedEncoder | None = None,
) -> Classifier:
    """Makes a classifier that tells as many of the best classes as are measured. classes: in place of the recipe's."""
    asked = _ask_for_best(recipe)
    return Classifier(registry=registry, recipe=asked, taxonomy=classes, progress=progress, loaded=loaded)


def _ask_for_best(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"k": max(recipe.k, MOST)})


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
    notes = tuple(prepare_dataset(dataset, classifier.taxonomy))
    images, above = place_above(embed_labelled_images(classifier, dataset, progress), dataset, classifier.taxonomy)
    rows, unlisted = np.flatnonzero(images.node_n >= 0), find_unlisted(images)
    notes += images.notes
    notes += tuple(describe_inner_labels(images, classifier.taxonomy, "count at these ranks and above only"))
    notes += above
    if len(unlisted):
        notes += (f"{pluralise(len(unlisted), 'image')} of unlisted classes skipped",)
    if not len(rows):
        raise EvaluationError("; ".join([f"{source} has no usable image of a listed class", *notes]))
    return images, rows, notes
