"""Compares predictions with labels, image by image.

Legend: n images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.evaluation.predictions import BEST, ImagePredictions
from bioclip_x.evaluation.sets import measure_sets
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.severity import compute_lca_heights, find_taxa_at_rank, is_within


@dataclass(frozen=True, slots=True, eq=False)
class Correctness:
    """Predictions of n images compared with their labels.

    right_n, among_n: 1 where the label is the best node, or among the best five, else 0. at_n: rank → the same at that rank;
    -1 where the label has no taxon there. height_n: height of the lowest common ancestor of prediction and label, 0 if right.
    among_at_n: rank → 1 where the label's taxon is among the best five there; empty if the predictions do not tell these.
    right_n, among_n and height_n are -1 where the label is a taxon above the classes. covered_n, set_size_n: of a head that
    reports sets, whether the set contains the label (-1 as above), and its number of classes; else None.
    """

    right_n: Ints
    among_n: Ints
    at_n: Mapping[str, Ints]
    height_n: Ints
    among_at_n: Mapping[str, Ints] = field(default_factory=dict)
    covered_n: Ints | None = None
    set_size_n: Ints | None = None


def compare_with_truth(predictions: ImagePredictions, truth_n: Ints, taxonomy: Taxonomy) -> Correctness:
    """Compares predictions with the true taxa. An image without a prediction counts as predicted to be the root.

    truth_n: nodes of taxa. A taxon above the classes (of an image labelled at genus) is compared at its own rank and above.
    For a class that is itself a genus, its leaf and the genus node are the same answer.
    """
    is_class_n = taxonomy.class_of_N[truth_n] >= 0
    class_n = np.where(is_class_n, taxonomy.class_of_N[truth_n], taxonomy.leaf_start_N[truth_n]).astype(np.int64)
    best_nk = taxonomy.owner_N[predictions.best_nk.clip(0)]
    right_n = best_nk[:, 0] == truth_n
    at_n, among_at_n = {}, {}
    for rank, node_n in predictions.of_rank.items():
        true_n = find_taxa_at_rank(class_n, rank, taxonomy)
        is_known_n = (taxonomy.kind_N[true_n] == TAXON) & (is_class_n | is_within(truth_n, true_n, taxonomy))
        at_n[rank] = np.where(is_known_n, node_n == true_n, -1)
        if rank in predictions.top_of_rank:
            is_among_n = (predictions.top_of_rank[rank] == true_n[:, None]).any(1)
            among_at_n[rank] = np.where(is_known_n, is_among_n, -1)
    covered_n, set_size_n = None, None
    if predictions.set_nk is not None:
        covered_n, set_size_n = measure_sets(predictions.set_nk, class_n, taxonomy)
        covered_n = np.where(is_class_n, covered_n, -1)
    return Correctness(
        right_n=np.where(is_class_n, right_n, -1),
        among_n=np.where(is_class_n, (best_nk[:, :BEST] == truth_n[:, None]).any(1), -1),
        at_n=at_n,
        height_n=np.where(is_class_n, np.where(right_n, 0, compute_lca_heights(best_nk[:, 0], class_n, taxonomy)), -1),
        among_at_n=among_at_n,
        covered_n=covered_n,
        set_size_n=set_size_n,
    )
