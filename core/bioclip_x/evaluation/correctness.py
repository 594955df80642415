"""ImagePredictions held against the truth, by image, and the figures made of them.

Legend: n images, s seeds, c classes.
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
    compute_class_interval,
    compute_class_shares,
    compute_difference_interval,
    compute_share_interval,
    compute_spread,
)
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.inference.classifier import Classifier
from bioclip_x.prediction.ranking import select_best_at_ranks
from bioclip_x.records import Measure, Scores, TextEvaluation
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.severity import compute_lca_heights, find_taxa_at_rank

BEST: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class ImagePredictions:
    """What a classifier makes of n images. best_nk: nodes, best first, -1: no more. of_rank: rank → the best node there [n]."""

    best_nk: Ints
    of_rank: Mapping[str, Ints]


@dataclass(frozen=True, slots=True, eq=False)
class Correctness:
    """ImagePredictions compared with the truth, per image: right_n, among_n (top-1 and top-5), at_n (by rank; -1 where the truth has no
    taxon there), all 0 or 1; height_n: where answer and truth meet, 0 if right."""

    right_n: Ints
    among_n: Ints
    at_n: Mapping[str, Ints]
    height_n: Ints


@torch.inference_mode()
def predict_images(classifier: Classifier, pictures: LabelledImages, rows: Ints) -> ImagePredictions:
    """The head's answers, in the order of `rows`."""
    tree = classifier.taxonomy
    ranks = tuple(tree.rank_tables)
    best: list[Ints] = []
    of_rank: dict[str, list[int]] = {rank: [] for rank in ranks}
    for part in pictures.parts(classifier, rows):
        scores = classifier.head.decide(classifier.head_input(part.scored))
        best.append(_best(scores, tree))
        for rank, nodes in select_best_at_ranks(tree, replace(scores, ranks=ranks)):
            of_rank[rank] += nodes
    return ImagePredictions(np.concatenate(best), {rank: np.array(nodes, np.int64) for rank, nodes in of_rank.items()})


def _best(scores: Scores, tree: Taxonomy) -> Ints:
    """The five best nodes of each image, -1 for none: int64 [B, 5]."""
    if scores.reported_BK is not None:
        found = scores.reported_BK[:, :BEST].numpy().astype(np.int64)
    else:
        found = tree.leaf_node_C[scores.top_BK[:, :BEST].numpy()].astype(np.int64)
        found[scores.log_top_BK[:, :BEST].numpy() == -np.inf] = -1  # excluded by an adjustment
    return np.pad(found, ((0, 0), (0, BEST - found.shape[1])), constant_values=-1)


def compare_with_truth(of: ImagePredictions, class_n: Ints, taxonomy: Taxonomy) -> Correctness:
    """Right or wrong. An image without an answer counts as answered with the root.

    Of a class that is a genus, the class and the genus are the same answer.
    """
    truth_n = taxonomy.owner_N[taxonomy.leaf_node_C[class_n]]
    best_nk = taxonomy.owner_N[of.best_nk.clip(0)]
    right_n = best_nk[:, 0] == truth_n
    at_n = {}
    for rank, node_n in of.of_rank.items():
        true_n = find_taxa_at_rank(class_n, rank, taxonomy)
        at_n[rank] = np.where(taxonomy.kind_N[true_n] == TAXON, node_n == true_n, -1)
    return Correctness(
        right_n=right_n.astype(np.int64),
        among_n=(best_nk == truth_n[:, None]).any(1).astype(np.int64),
        at_n=at_n,
        height_n=np.where(right_n, 0, compute_lca_heights(best_nk[:, 0], class_n, taxonomy)),
    )


def summarise(
    text: str, seeds: tuple[int, ...], judged: Sequence[Correctness], class_n: Ints, against: Floats | None
) -> TextEvaluation:
    """Figures of the same texts with one seed or several. against: the right answers of the first texts, if these are others."""
    right_sn = np.array([one.right_n for one in judged])
    class_sc = np.array([compute_class_shares(right_n, class_n) for right_n in right_sn])
    mean_c = class_sc.mean(0)
    return TextEvaluation(
        text=text,
        seeds=seeds,
        top1=_share(right_sn),
        top5=_share(np.array([one.among_n for one in judged])),
        mean_per_class=Measure(
            float(mean_c.mean()), *compute_class_interval(mean_c), len(mean_c), compute_spread(class_sc.mean(1))
        ),
        ranks={
            rank: _share(np.array([one.at_n[rank][one.at_n[rank] >= 0] for one in judged])) for rank in judged[0].at_n
        },
        severity=_severity(judged),
        difference=None if against is None else _difference(right_sn, against),
    )


def average_correct(judged: Sequence[Correctness]) -> Floats:
    """Of each image, how often it is right over the seeds: float64 [n]."""
    mean_n: Floats = np.mean([one.right_n for one in judged], axis=0, dtype=np.float64)
    return mean_n


def _share(right_sn: npt.NDArray[np.int64]) -> Measure:
    of = right_sn.shape[1]
    if not of:
        return Measure(None, None, None, 0)
    return Measure(
        float(right_sn.mean()), *compute_share_interval(right_sn.mean(0)), of, compute_spread(right_sn.mean(1))
    )


def _severity(judged: Sequence[Correctness]) -> Measure:
    """The mean height of mistakes. Seeds in which there is no mistake have no mean of their own."""
    height_sn = np.array([one.height_n for one in judged])
    wrong_sn = np.array([1 - one.right_n for one in judged])
    made = [(heights, wrong) for heights, wrong in zip(height_sn, wrong_sn) if wrong.any()]
    if not made:
        return Measure(None, None, None, 0)
    low, high = bootstrap_ratio_interval(height_sn.sum(0), wrong_sn.sum(0))
    each = [float(heights.sum() / wrong.sum()) for heights, wrong in made]
    return Measure(float(height_sn.sum() / wrong_sn.sum()), low, high, int(wrong_sn.any(0).sum()), compute_spread(each))


def _difference(right_sn: npt.NDArray[np.int64], against_n: Floats) -> Measure:
    """Image by image, so that what is hard for both is no part of the interval."""
    more_sn = right_sn - against_n
    interval = compute_difference_interval(more_sn.mean(0))
    return Measure(float(more_sn.mean()), *interval, more_sn.shape[1], compute_spread(more_sn.mean(1)))
