from __future__ import annotations

import numpy as np
import pytest

from bioclip_x.evaluation.intervals import compute_binomial_interval
from bioclip_x.evaluation.sets import join_sets, measure_sets, summarise_sets
from bioclip_x.taxonomy import TaxonomyBuilder


def test_sets_of_classes_and_clades_by_hand() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("A", "a1"), ("B", "b1"), ("B", "b2"), ("C", "c1")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    at = {name: node for node, name in enumerate(tree.names)}
    b1, b2, c1 = (int(tree.class_of_N[at[name]]) for name in ("b1", "b2", "c1"))
    set_nk = np.array([[at["a1"], at["b1"], -1], [at["B"], -1, -1], [at["B"], at["c1"], -1], [0, -1, -1], [-1, -1, -1]])
    covered_n, size_n = measure_sets(set_nk, np.array([b2, b2, c1, b1, b1]), tree)
    assert covered_n.tolist() == [0, 1, 1, 1, 0] and size_n.tolist() == [2, 2, 3, 4, 0]
    found = summarise_sets([covered_n], [size_n], 4, drawn=False)
    coverage, size = found["coverage of sets"], found["classes per set"]
    assert (coverage.value, coverage.of, coverage.sd) == (0.6, 5, None) and size.value == pytest.approx(11 / 5)
    assert (coverage.low, coverage.high) == pytest.approx(compute_binomial_interval(3, 5))
    assert summarise_sets([], [], 4, drawn=False) == {}


def test_batches_are_padded_to_the_largest_set() -> None:
    joined = join_sets([np.array([[1]]), np.array([[2, 3, 4], [5, -1, -1]])])
    assert joined is not None and joined.tolist() == [[1, -1, -1], [2, 3, 4], [5, -1, -1]]
    assert join_sets([]) is None
