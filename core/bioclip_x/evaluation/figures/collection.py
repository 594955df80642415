"""Collects what the runs of an evaluation named the images, for its figures.

Legend: n images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch

from bioclip_x.array_types import Floats, Ints
from bioclip_x.components import Dataset
from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.evaluation.correctness import compare_with_truth, join_predictions, read_predictions
from bioclip_x.evaluation.figures.assembly import LabelledNames, RunOutputs, make_figures
from bioclip_x.evaluation.figures.curves import compute_calibration_errors, compute_depth_curve, compute_reliability
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.faults import naming
from bioclip_x.images.decoding import make_thumbnail
from bioclip_x.images.files import ImageFiles
from bioclip_x.inference.classifier import Classifier
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.records import Evaluation, EvaluationFigures
from bioclip_x.taxonomy.scoring.hedging import Bets, compute_bets

THUMBNAIL: Final = 160
"""Pixels a side, at most, of the images of examples."""


class FigureCollector:
    """Called by `evaluate` with the classifier of each run; `make_figures` makes the figures of all."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._runs: list[RunOutputs] = []
        self._features: dict[str, Floats] = {}
        self._first: Classifier | None = None

    def __call__(self, classifier: Classifier, images: LabelledImages, rows: Ints) -> None:
        """Classifies the images `rows`. images: of the same data set in every run."""
        outputs = collect_outputs(classifier, images, rows)
        self._runs.append(outputs)
        if len(images.features_nD) and outputs.model not in self._features and not classifier.precomputed_scorer:
            self._features[outputs.model] = images.features_nD[rows].numpy()
        self._first = self._first or classifier

    def make_figures(self, evaluation: Evaluation) -> EvaluationFigures:
        """Makes the figures. evaluation: of the same runs, in the same order."""
        if self._first is None:
            raise ValueError("expected at least one run")
        load_thumbnail = make_thumbnail_loader(self._dataset, self._first.files)
        return make_figures(evaluation, self._runs, self._features, self._first.taxonomy, load_thumbnail)


@torch.inference_mode()
def collect_outputs(classifier: Classifier, images: LabelledImages, rows: Ints) -> RunOutputs:
    """Classifies the images `rows` again, and keeps each answer with its share, the reliability, and the depth curve."""
    taxonomy = classifier.taxonomy
    predictions, shares, bets = [], [], []
    for part in images.parts(classifier, rows):
        scores, is_excluded_B = classifier.decide(part.scored, part.sources)
        predicted = read_predictions(scores, taxonomy, np.array(is_excluded_B, bool))
        predictions.append(predicted)
        shares += [
            NodeProbabilities(taxonomy, scores, row).probability(node) if node >= 0 else np.nan
            for row, node in enumerate(predicted.best_nk[:, 0].tolist())
        ]
        bets.append(compute_bets(scores, taxonomy))
    joined, share_n = join_predictions(predictions), np.array(shares, np.float64)
    class_n = images.class_n[rows]
    right_n = compare_with_truth(joined, images.node_n[rows], taxonomy).right_n
    counts_n = (right_n >= 0) & np.isfinite(share_n)
    reliability = compute_reliability(share_n[counts_n], right_n[counts_n])
    return RunOutputs(
        model=classifier.provenance.model,
        revision=classifier.provenance.revision,
        demo=classifier.provenance.demo,
        images=LabelledNames(tuple(images.sources[row].name for row in rows.tolist()), images.node_n[rows], class_n),
        node_n=joined.best_nk[:, 0],
        share_n=share_n,
        right_n=right_n,
        reliability=reliability,
        calibration=compute_calibration_errors(reliability),
        depth=compute_depth_curve(_take_rows(Bets.concatenate(bets), class_n >= 0), class_n[class_n >= 0], taxonomy),
    )


def _take_rows(bets: Bets, is_taken_n: Sequence[bool] | np.ndarray) -> Bets:
    return Bets(bets.nodes_BF[is_taken_n], bets.probs_BF[is_taken_n], bets.information_BF[is_taken_n])


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
