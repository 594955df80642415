from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.path_sums import sum_down
from random_trees import above, trees


@given(trees(), st.integers(0, 2**32 - 1))
def test_sums_agree_with_a_traversal(taxonomy: Taxonomy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    some = rng.permutation(taxonomy.n_nodes)[: rng.integers(1, taxonomy.n_nodes + 1)]
    nodes = np.array(sorted({n for node in some for n in above(taxonomy, int(node))}), np.int64)
    nodes = rng.permutation(nodes)  # any order
    values_IB = torch.from_numpy(rng.normal(size=(len(nodes), 3)))
    before = values_IB.clone()
    sums_IB = sum_down(values_IB, nodes, taxonomy)
    row_of = {int(node): row for row, node in enumerate(nodes)}
    for row, node in enumerate(nodes):
        expected = sum(values_IB[row_of[n]] for n in above(taxonomy, int(node)))
        torch.testing.assert_close(sums_IB[row], expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(values_IB, before) and sums_IB.dtype == torch.float64
