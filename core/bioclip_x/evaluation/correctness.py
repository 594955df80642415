"""Compares predictions with labels, image by image, and computes accuracy and severity from that.

Legend: n images, k best nodes, s seeds, c classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.array_types import Floats, Ints
from bioclip_x.evaluation.intervals import (
    bootstrap_ratio_interval,
    compute_class_accuracies,
    compute_class_interval,
    compute_difference_interval,
    compute_proportion_interval,
    compute_spread,
)
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.inference.classifier import Classifier
from bioclip_x.prediction.ranking import count_tied_nodes, replace_by_root, select_best_at_ranks
from bioclip_x.records import Measure, Scores, TextEvaluation
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.severity import compute_lca_heights, find_taxa_at_rank, is_within

BEST: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class ImagePredictions:
    """Predictions for n images. best_nk: nodes, best first, padded with -1. of_rank: rank → the best node there [n], -1
    for an image of which no class is left. n_tied: number of images whose best nodes are tied."""

    best_nk: Ints
    of_rank: Mapping[str, Ints]
    n_tied: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Correctness:
    """Predictions of n images compared with their labels.

    right_n, among_n: 1 where the label is the best node, or among the best five, else 0. at_n: rank → the same at that rank;
    -1 where the label has no taxon there. height_n: height of the lowest common ancestor of prediction and label, 0 if right.
    right_n, among_n and height_n are -1 where the label is a taxon above the classes.
    """

    right_n: Ints
    among_n: Ints
    at_n: Mapping[str, Ints]
    height_n: Ints


@torch.inference_mode()
def predict_images(classifier: Classifier, images: LabelledImages, rows: Ints) -> ImagePredictions:
    """Returns the head's predictions for the images `rows`, in that order."""
    parts = []
    for part in images.parts(classifier, rows):
        scores, is_excluded_B = classifier.decide(part.scored, part.sources)
        parts.append(read_predictions(scores, classifier.taxonomy, np.array(is_excluded_B, bool)))
    return join_predictions(parts)


def read_predictions(
    scores: Scores, tree: Taxonomy, is_excluded_B: npt.NDArray[np.bool_] | None = None
) -> ImagePredictions:
    """Returns a batch's best nodes, and its best nodes at every rank. is_excluded_B: images of which no class is left."""
    best_Bk = _collect_best_nodes(scores, tree)
    of_rank = {
        rank: np.array(nodes, np.int64)
        for rank, nodes in select_best_at_ranks(tree, replace(scores, ranks=tuple(tree.rank_tables)))
    }
    if is_excluded_B is not None:
        best_Bk[is_excluded_B] = -1
        of_rank = {rank: np.where(is_excluded_B, -1, node_B) for rank, node_B in of_rank.items()}
    return ImagePredictions(best_Bk, of_rank, int((count_tied_nodes(tree, scores, None) > 1).sum()))


def join_predictions(parts: Sequence[ImagePredictions]) -> ImagePredictions:
    """Joins the predictions of one batch or more."""
    return ImagePredictions(
        np.concatenate([part.best_nk for part in parts]),
        {rank: np.concatenate([part.of_rank[rank] for part in parts]) for rank in parts[0].of_rank},
        sum(part.n_tied for part in parts),
    )


def _collect_best_nodes(scores: Scores, tree: Taxonomy) -> Ints:
    """Returns the five best nodes of each image, padded with -1: int64 [B, 5]."""
    if scores.reported_BK is not None:
        nodes_BK = replace_by_root(tree, scores.reported_BK[:, :BEST].numpy().astype(np.int64))
    else:
        nodes_BK = tree.leaf_node_C[scores.top_BK[:, :BEST].numpy()].astype(np.int64)
        nodes_BK[scores.log_top_BK[:, :BEST].numpy() == -np.inf] = -1  # excluded by an adjustment
    return np.pad(nodes_BK, ((0, 0), (0, BEST - nodes_BK.shape[1])), constant_values=-1)


def compare_with_truth(predictions: ImagePredictions, truth_n: Ints, taxonomy: Taxonomy) -> Correctness:
    """Compares predictions with the true taxa. An image without a prediction counts as predicted to be the root.

    truth_n: nodes of taxa. A taxon above the classes (of an image labelled at genus) is compared at its own rank and above.
    For a class that is itself a genus, its leaf and the genus node are the same answer.
    """
    is_class_n = taxonomy.class_of_N[truth_n] >= 0
    class_n = np.where(is_class_n, taxonomy.class_of_N[truth_n], taxonomy.leaf_start_N[truth_n]).astype(np.int64)
    best_nk = taxonomy.owner_N[predictions.best_nk.clip(0)]
    right_n = best_nk[:, 0] == truth_n
    at_n = {}
    for rank, node_n in predictions.of_rank.items():
        true_n = find_taxa_at_rank(class_n, rank, taxonomy)
        is_known_n = (taxonomy.kind_N[true_n] == TAXON) & (is_class_n | is_within(truth_n, true_n, taxonomy))
        at_n[rank] = np.where(is_known_n, node_n == true_n, -1)
    return Correctness(
        right_n=np.where(is_class_n, right_n, -1),
        among_n=np.where(is_class_n, (best_nk == truth_n[:, None]).any(1), -1),
        at_n=at_n,
        height_n=np.where(is_class_n, np.where(right_n, 0, compute_lca_heights(best_nk[:, 0], class_n, taxonomy)), -1),
    )


def summarise(
    text: str, seeds: tuple[int, ...], outcomes: Sequence[Correctness], class_n: Ints, baseline: Floats | None
) -> TextEvaluation:
    """Computes the figures of one choice of texts, run with one seed or several.

    class_n: -1 for images that are labelled above the classes, which count at ranks only. baseline: per-image accuracy of the
    first texts, float64 [n]; None if these are the first.
    """
    rows = np.flatnonzero(class_n >= 0)
    right_sn = np.array([outcome.right_n[rows] for outcome in outcomes])
    return TextEvaluation(
        text=text,
        seeds=seeds,
        top1=_measure_accuracy(right_sn),
        top5=_measure_accuracy(np.array([outcome.among_n[rows] for outcome in outcomes])),
        mean_per_class=_measure_class_mean(right_sn, class_n[rows]),
        ranks={
            rank: _measure_accuracy(np.array([outcome.at_n[rank][outcome.at_n[rank] >= 0] for outcome in outcomes]))
            for rank in outcomes[0].at_n
        },
        severity=_measure_severity(np.array([outcome.height_n[rows] for outcome in outcomes]), 1 - right_sn),
        difference=None if baseline is None else _measure_difference(right_sn, baseline[rows]),
    )


def average_correct(outcomes: Sequence[Correctness]) -> Floats:
    """Returns the fraction of seeds with which each image is right, -1 for one labelled above the classes: float64 [n]."""
    mean_n: Floats = np.mean([outcome.right_n for outcome in outcomes], axis=0, dtype=np.float64)
    return mean_n


def _measure_accuracy(right_sn: npt.NDArray[np.int64]) -> Measure:
    n = right_sn.shape[1]
    if not n:
        return Measure(None, None, None, 0)
    return Measure(
        float(right_sn.mean()), *compute_proportion_interval(right_sn.mean(0)), n, compute_spread(right_sn.mean(1))
    )


def _measure_class_mean(right_sn: Ints, class_n: Ints) -> Measure:
    if not len(class_n):
        return Measure(None, None, None, 0)
    class_sc = np.array([compute_class_accuracies(right_n, class_n) for right_n in right_sn])
    mean_c = class_sc.mean(0)
    interval = compute_class_interval(mean_c)
    return Measure(float(mean_c.mean()), *interval, len(mean_c), compute_spread(class_sc.mean(1)))


def _measure_severity(height_sn: Ints, wrong_sn: Ints) -> Measure:
    """Computes the mean height of mistakes. The spread is over the seeds that have mistakes."""
    with_mistakes = [(heights, wrong) for heights, wrong in zip(height_sn, wrong_sn) if wrong.any()]
    if not with_mistakes:
        return Measure(None, None, None, 0)
    low, high = bootstrap_ratio_interval(height_sn.sum(0), wrong_sn.sum(0))
    means = [float(heights.sum() / wrong.sum()) for heights, wrong in with_mistakes]
    value, n_wrong = float(height_sn.sum() / wrong_sn.sum()), int(wrong_sn.any(0).sum())
    return Measure(value, low, high, n_wrong, compute_spread(means))


def _measure_difference(right_sn: npt.NDArray[np.int64], baseline_n: Floats) -> Measure:
    """Computes the paired difference of accuracies: images that are hard for both texts do not widen the interval."""
    if not right_sn.size:
        return Measure(None, None, None, 0)
    more_sn = right_sn - baseline_n
    interval = compute_difference_interval(more_sn.mean(0))
    return Measure(float(more_sn.mean()), *interval, more_sn.shape[1], compute_spread(more_sn.mean(1)))
