"""Collects what the runs of an evaluation named the images, for its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bioclip_x.array_types import Floats
from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.evaluation.correctness import compare_with_truth
from bioclip_x.evaluation.evaluate import ModelImages
from bioclip_x.evaluation.figures.assembly import LabelledNames, RunOutputs, make_figures
from bioclip_x.evaluation.predictions import ImagePredictions
from bioclip_x.faults import naming
from bioclip_x.hooks.components import Dataset
from bioclip_x.images.decoding import make_thumbnail
from bioclip_x.images.files import ImageFiles
from bioclip_x.records import Evaluation, EvaluationFigures, TextEvaluation

THUMBNAIL: Final = 160
"""Pixels a side, at most, of the images of examples."""


class FigureCollector:
    """Called by `evaluate` with the outcome of each run; `make_figures` makes the figures of all."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._runs: list[RunOutputs] = []
        self._features: dict[str, Floats] = {}
        self._first: ModelImages | None = None

    def __call__(self, given: ModelImages, predictions: ImagePredictions, evaluation: TextEvaluation) -> None:
        """given: the same images in every run, in the same order."""
        classifier = given.classifier
        model = classifier.provenance.model
        sources = tuple(given.images.sources[row].name for row in given.rows.tolist())
        self._runs.append(
            RunOutputs(
                model=model,
                revision=classifier.provenance.revision,
                demo=classifier.provenance.demo,
                images=LabelledNames(sources, given.labels.node_n, given.labels.class_n),
                node_n=predictions.best_nk[:, 0],
                share_n=predictions.share_n,
                right_n=compare_with_truth(predictions, given.labels.node_n, classifier.taxonomy).right_n,
                reliability=evaluation.reliability,
                calibration=evaluation.calibration,
                depth=evaluation.depth,
            )
        )
        if len(given.images.features_nD) and model not in self._features and not classifier.labelled_scorer:
            self._features[model] = given.images.features_nD[given.rows].numpy()
        self._first = self._first or given

    def make_figures(self, evaluation: Evaluation) -> EvaluationFigures:
        """Makes the figures. evaluation: of the same runs, in the same order."""
        if self._first is None:
            raise ValueError("expected at least one run")
        classifier = self._first.classifier
        load_thumbnail = make_thumbnail_loader(self._dataset, classifier.files)
        return make_figures(evaluation, self._runs, self._features, classifier.taxonomy, load_thumbnail)


def make_thumbnail_loader(dataset: Dataset, files: ImageFiles) -> Callable[[str], bytes | None]:
    """Returns a function from the name of an image of the data set to a small JPEG, None if it cannot be read."""
    index_of = {dataset.name(index): index for index in range(len(dataset))}

    def load_thumbnail(name: str) -> bytes | None:
        try:
            with naming(dataset, "image", name):
                image = dataset.image(index_of[name])
            return make_thumbnail(files.read_any(image, name).image, THUMBNAIL)
        except (ImageError, ComponentError):
            return None

    return load_thumbnail
