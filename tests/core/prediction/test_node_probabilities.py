from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

import random_trees
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.rollup import roll_up
from random_trees import in_parts, logits, trees


@given(trees(), logits)
def test_of_held_nodes_and_best_classes_it_knows_the_probability(taxonomy: Taxonomy, values: np.ndarray) -> None:
    logits_BC = values[:, : taxonomy.n_classes]
    scores = roll_up(in_parts(logits_BC), taxonomy, n_best=4)
    for row in range(len(logits_BC)):
        of_image = NodeProbabilities(taxonomy, scores, row)
        expected = random_trees.shares(logits_BC[row], taxonomy)
        best = [int(taxonomy.leaf_node_C[c]) for c in of_image.best]
        for node in {*taxonomy.held_nodes.tolist(), *best}:
            assert math.exp(of_image.log(node)) == pytest.approx(expected[node], rel=1e-4, abs=1e-6)
        places = taxonomy.place_N[taxonomy.held_nodes].astype(np.int64)
        assert of_image.logs(places).tolist() == [of_image.log(int(node)) for node in taxonomy.held_nodes]
