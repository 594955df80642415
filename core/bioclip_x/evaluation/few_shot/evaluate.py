"""Evaluates few-shot classifiers on a labelled data set: folds × methods, on embeddings that are computed once.

Legend: n images whose label is a class, m queries of a fold, f folds, C classes of a fold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.few_shot.folds import Fold, draw_folds, dump_folds, find_queries, read_folds
from bioclip_x.evaluation.few_shot.methods import Method, Queries, Support
from bioclip_x.evaluation.few_shot.summary import TOP, FoldOutcome, summarise
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images
from bioclip_x.evaluation.own_classes import find_own_taxonomy
from bioclip_x.hooks.components import Dataset
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import prepare_dataset
from bioclip_x.inference.classifier import Classifier
from bioclip_x.messages import pluralise
from bioclip_x.recipe import Recipe
from bioclip_x.records import FewShotEvaluation, FewShotResult

Progress = Callable[[int, int], None]

FOLDS: Final = 5
"""Default number of folds, as BioCLIP's."""
SHOTS: Final = (1, 5)
AT_A_TIME: Final = 1 << 24
"""Scores (8 bytes each) in memory at once."""


def evaluate_few_shot(
    registry: Registry,
    recipe: Recipe,
    dataset: Dataset,
    source: str,
    methods: Sequence[Method],
    *,
    shots: Sequence[int] = SHOTS,
    folds: int | Path = FOLDS,
    texts: Progress = lambda done, total: None,
    labelled: Progress = lambda done, total: None,
) -> FewShotEvaluation:
    """Evaluates methods on a data set; the first is the baseline of the others.

    folds: their number for each of `shots`, or a file to read them from, which determines the shots. texts, labelled: progress of
    embedding texts and images. Raises EvaluationError for images or folds with which nothing can be measured.
    """
    classes = find_own_taxonomy(dataset, recipe)
    classifier = Classifier(registry=registry, recipe=recipe, taxonomy=classes, progress=texts)
    if classifier.labelled_scorer:
        raise EvaluationError(
            f"few-shot methods need embeddings of images; the scorer {classifier.scorer_name!r} has scores only"
        )
    classifier.files.serve(dataset)
    notes = tuple(prepare_dataset(dataset, classifier.taxonomy))
    images = embed_labelled_images(classifier, dataset, labelled)
    rows = np.flatnonzero(images.class_n >= 0)
    notes += images.notes
    if left_out := len(images.class_n) - len(rows):
        notes += (f"{pluralise(left_out, 'image')} whose label is no class of the list skipped",)
    if not len(rows):
        raise EvaluationError("; ".join([f"{source} has no usable image of a listed class", *notes]))
    class_n = images.class_n[rows]
    names = [images.sources[row].name for row in rows.tolist()]
    labels = [classifier.taxonomy.class_taxon(c).name for c in class_n.tolist()]
    drawn = read_folds(folds, names, labels) if isinstance(folds, Path) else draw_folds(class_n, shots, folds)
    notes += tuple(_describe_small_classes(class_n, drawn))
    text_nC = _score_texts(classifier, images, rows) if any(method.needs_texts for method in methods) else None
    task = _Task(images.features_nD[rows].double().numpy(), class_n, text_nC, classifier.encoder.card.logit_scale)
    provenance = classifier.provenance
    return FewShotEvaluation(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=__version__,
        model=provenance.model,
        revision=provenance.revision,
        demo=provenance.demo,
        taxonomy=provenance.taxonomy,
        images=len(rows),
        classes=len(np.unique(class_n)),
        results=tuple(_evaluate_methods(task, drawn, methods, classifier)),
        folds=dump_folds(drawn, source, names, labels),
        notes=notes,
        recipe=recipe.dump(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """embeddings_nD: float64 [n, D]. class_n: int64 [n], classes of the taxonomy. text_nC: float32 [n, classes that have images],
    classes ascending; None where no method needs it."""

    embeddings_nD: Floats
    class_n: Ints
    text_nC: torch.Tensor | None
    scale: float

    def classify(self, method: Method, fold: Fold) -> FoldOutcome:
        """Fits a method to a fold's support and classifies its queries."""
        query_m = find_queries(fold, self.class_n)
        if not len(query_m):
            raise EvaluationError(f"fold {fold.number} of {fold.shots} shots leaves no image to classify")
        class_C, local_n = np.unique(self.class_n[fold.support_n], return_inverse=True)
        support = Support(self.embeddings_nD[fold.support_n], local_n.astype(np.int64), len(class_C), self.scale)
        classify = method.fit(support)
        step = max(1, AT_A_TIME // max(len(class_C), len(fold.support_n)))
        best = [
            _find_best(classify(self._select(query_m[start : start + step], class_C)))
            for start in range(0, len(query_m), step)
        ]
        return FoldOutcome(query_m, class_C[np.concatenate(best)], len(class_C))

    def _select(self, query_m: Ints, class_C: Ints) -> Queries:
        if self.text_nC is None:
            return Queries(self.embeddings_nD[query_m], np.empty((0, 0)))
        columns = np.searchsorted(np.unique(self.class_n), class_C)
        text_mC = self.text_nC[query_m][:, columns].double().numpy()
        return Queries(self.embeddings_nD[query_m], text_mC)


def _evaluate_methods(
    task: _Task, folds: Sequence[Fold], methods: Sequence[Method], classifier: Classifier
) -> list[FewShotResult]:
    results = []
    for shots in dict.fromkeys(fold.shots for fold in folds):
        first: list[FoldOutcome] | None = None
        for method in methods:
            outcomes = [task.classify(method, fold) for fold in folds if fold.shots == shots]
            results.append(summarise(method.name, shots, outcomes, first, task.class_n, classifier.taxonomy))
            first = first or outcomes
    return results


def _find_best(scores_mC: Floats) -> Ints:
    """Returns the best five classes of each query, the lowest first among equals, padded by the fifth: int64 [m, 5]."""
    order_mC = np.argsort(-scores_mC, axis=1, kind="stable")[:, :TOP]
    return np.pad(order_mC, ((0, 0), (0, TOP - order_mC.shape[1])), mode="edge")


@torch.inference_mode()
def _score_texts(classifier: Classifier, images: LabelledImages, rows: Ints) -> torch.Tensor:
    """Computes the zero-shot logits of the classes that have images: float32 [n, C]."""
    columns = torch.from_numpy(np.unique(images.class_n[rows]))
    return torch.cat([part.logits.logits_BC[:, columns] for part in images.parts(classifier, rows)])


def _describe_small_classes(class_n: Ints, folds: Sequence[Fold]) -> list[str]:
    """Notes the classes that have too few images for a number of shots, and those without a query."""
    counts = Counter(class_n.tolist())
    notes = []
    for shots in dict.fromkeys(fold.shots for fold in folds):
        few, exact = (sum(count < shots for count in counts.values()), sum(count == shots for count in counts.values()))
        if few:
            notes.append(
                f"{pluralise(few, 'class', 'classes')} with fewer than {shots} images left out of {shots}-shot folds"
            )
        if exact:
            notes.append(
                f"{pluralise(exact, 'class', 'classes')} with just {shots} images: support in {shots}-shot folds, without a query"
            )
    return notes
